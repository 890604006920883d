"""Curves of several models side by side, and the one picture that shows them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from langue.files import write_text
from langue.report.chart import Chart, Line, PointLabel, fitted
from langue.report.palette import SERIES
from langue.report.png import write_png
from langue.report.record import Record, number
from langue.report.result import MemberResult
from langue.report.svg import chart_svg, picture_svg, side_by_side


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


AXES = {
    "seconds": "seconds of training",
    "tokens": "tokens of training",
    "positions": "position in the context, in tokens",
}

SIZES = {"full": (691.0, 281.0), "half": (432.0, 288.0), "narrow": (266.0, 209.0)}
"""Points of a panel across the page, across half of it, and on a phone, so that its text is of one size in all."""


def chart_of(field: Sequence[Runner], panel: str) -> Chart:
    """One panel by its name."""
    curves = [(runner, *runner.curve(panel)) for runner in field]
    curves = [(runner, x, y) for runner, x, y in curves if x]
    dot, end = (1.7, 0.0) if panel == "positions" else (0.0, 2.5)
    # Those that end nearly together are named in one column.
    finish = max((x[-1] for _, x, _ in curves), default=0.0)
    names = [
        PointLabel(
            finish if panel != "positions" and x[-1] > 0.7 * finish else x[-1], y[-1], runner.label, runner.colour
        )
        for runner, x, y in curves
    ]
    settled = [
        bits
        for _, x, y in curves
        for where, bits in zip(x, y, strict=True)
        if where >= 0.1 * x[-1] or panel == "positions"
    ]
    title, unit = PANELS[panel]
    return Chart(
        title,
        unit,
        [Line(x, y, runner.colour, dot=dot, end=end) for runner, x, y in curves],
        names,
        span=fitted(settled) if settled else None,
        # Models of different speed spend very different numbers of tokens.
        log={"tokens": 10, "positions": 2}.get(panel),
        below=AXES[panel],
    )


def panel_svg(field: Sequence[Runner], panel: str, size: str) -> str:
    """One panel as an inline SVG of one of `SIZES`."""
    return chart_svg(chart_of(field, panel), f"{panel}-{size}", *SIZES[size])


def write_picture(folder: Path, field: Sequence[Runner]) -> None:
    """`race.svg`, and `race.png` where matplotlib is at hand: all three panels, lower is better in each."""
    charts = [chart_of(field, panel) for panel in PANELS]
    charts[0] = replace(charts[0], beside="bits per byte, lower is better")
    size = (893.0, 295.0)
    panels = side_by_side(charts, *size)
    words = "Bits per byte over seconds, over tokens and over context position"
    write_text(folder / "race.svg", picture_svg(panels, "race", words, size, alone=True))
    write_png(folder / "race.png", panels, size)
