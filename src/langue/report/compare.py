"""Curves of several models side by side, and the one picture that shows them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from langue.report.figure import fit_height, inline_svg, label_ends, new_figure, save_as
from langue.report.palette import SERIES, day
from langue.report.record import Record, number
from langue.report.result import MemberResult
from langue.wording import short


@dataclass(frozen=True)
class Runner:
    """A member of a race with its curve: (seconds, tokens, bits per byte) at each look at the dev data."""

    member: MemberResult
    seconds: Sequence[float]
    tokens: Sequence[float]
    bits: Sequence[float]
    colour: str

    @property
    def label(self) -> str:
        return self.member.name.removesuffix("-nano")

    def curve(self, panel: str) -> tuple[Sequence[float], Sequence[float]]:
        """The points of its curve in a panel of `PANELS`."""
        if panel == "positions":
            return by_half_octaves(self.member.positions)
        return (self.seconds if panel == "seconds" else self.tokens), self.bits


def runners(members: Sequence[MemberResult], records: Mapping[str, Record]) -> list[Runner]:
    """Members in their own order, each with the next colour of the palette; the eighth is followed by the first."""
    field = []
    for place, member in enumerate(members):
        rows = [row for row in records[member.name].dev if number(row, "bits_per_byte") is not None]
        seconds, tokens, bits = ([row[name] for row in rows] for name in ("seconds", "tokens", "bits_per_byte"))
        field.append(Runner(member, seconds, tokens, bits, SERIES[place % len(SERIES)]))
    return field


def by_half_octaves(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Means over positions 1, 2, 3–4, 5–6, 7–8, … and the geometric middle of each stretch, positions from 1."""
    edges = sorted({round(2 ** (half / 2)) for half in range(2 * math.ceil(math.log2(len(values) + 1)) + 1)})
    edges = [edge for edge in edges if edge <= len(values)] + [len(values) + 1]
    x, y = [], []
    for first, after in pairwise(edges):
        x.append(math.sqrt(first * (after - 1)))
        y.append(float(np.mean(values[first - 1 : after - 1])))
    return x, y


PANELS = {
    "seconds": ("By time", "bits per byte on unseen text, over seconds"),
    "tokens": ("By tokens", "bits per byte on unseen text, over tokens"),
    "positions": ("By context", "bits per byte, over the position in the context"),
}


def draw(axes: Axes, field: Sequence[Runner], panel: str) -> None:
    """One panel by its name."""
    marks: dict[str, Any] = {"markersize": 2.5} if panel == "positions" else {"markersize": 4, "markevery": [-1]}
    ends, settled = [], []
    for runner in field:
        x, y = runner.curve(panel)
        if x:
            axes.plot(x, y, color=day(runner.colour), marker="o", **marks)
            ends.append((x[-1], y[-1], runner.label, day(runner.colour)))
            settled += [bits for where, bits in zip(x, y, strict=True) if where >= 0.1 * x[-1] or panel == "positions"]
    if not ends:
        return
    fit_height(axes, settled)
    axes.set_xlabel(AXES[panel])
    if panel == "tokens":
        # Models of different speed spend very different numbers of tokens; each names its curve where it ends.
        _log_axis(axes, 10, LogLocator(10, subs=(1, 2, 5), numticks=8))
    elif panel == "positions":
        _log_axis(axes, 2, LogLocator(4 if len(field[0].member.positions) > 64 else 2, numticks=9))
    if panel != "positions":
        # Those that end nearly together are named in one column.
        finish = max(x for x, _, _, _ in ends)
        ends = [(finish if x > 0.7 * finish else x, y, text, colour) for x, y, text, colour in ends]
    label_ends(axes, ends)


def _log_axis(axes: Axes, base: int, ticks: LogLocator) -> None:
    axes.set_xscale("log", base=base)
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


AXES = {
    "seconds": "seconds of training",
    "tokens": "tokens of training",
    "positions": "position in the context, in tokens",
}

SIZES = {"full": (9.6, 3.9), "half": (6.0, 4.0), "narrow": (3.7, 2.9)}
"""Inches of a panel across the page, across half of it, and on a phone, so that its text is of one size in all."""


def panel_svg(field: Sequence[Runner], panel: str, size: str) -> str:
    """One panel as an inline SVG of one of `SIZES`."""
    figure, (axes,) = new_figure(*SIZES[size])
    draw(axes, field, panel)
    return inline_svg(figure, f"{panel}-{size}", PANELS[panel][1])


def write_picture(folder: Path, field: Sequence[Runner]) -> None:
    """`race.png` and `race.svg`: all three panels side by side, lower is better in each."""
    figure, axes = new_figure(12.4, 4.1, panels=3)
    for place, (panel, (title, _)) in zip(axes, PANELS.items(), strict=True):
        draw(place, field, panel)
        place.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=day("ink"))
    axes[0].set_ylabel("bits per byte, lower is better")
    for ending in ("png", "svg"):
        save_as(figure, folder / f"race.{ending}", "Bits per byte over seconds, over tokens and over context position")
