"""The style of all pictures: light axes, names at the ends of the curves, SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from langue.files import replacing, write_text
from langue.report.palette import day, stylesheet, with_variables
from langue.wording import short

STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": day("line"),
    "axes.labelcolor": day("muted"),
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": day("line"),
    "grid.linewidth": 0.8,
    "xtick.color": day("line"),
    "ytick.color": day("line"),
    "xtick.labelcolor": day("muted"),
    "ytick.labelcolor": day("muted"),
    "ytick.major.size": 0,
    "text.color": day("ink"),
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
FONTS = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
POINTS = 400
"""Points of a curve that are drawn at most; more only make the page heavy."""


def new_figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, in inches."""
    figure, (row,) = new_grid(width, height, 1, panels)
    for axes in row:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    return figure, row


def new_grid(width: float, height: float, rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows and columns of panels, in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def fit_height(axes: Axes, values: Sequence[float], margin: float = 0.05) -> None:
    """Let the vertical axis span the values, and a share of that more above and below."""
    low, high = min(values), max(values)
    room = margin * (high - low) or 0.05
    axes.set_ylim(low - room, high + room)


def plain(text: str) -> str:
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def thin(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """A long curve as the means of at most `POINTS` stretches; the last point stays what it is."""
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    if len(xs) <= POINTS:
        return xs, ys
    edges = np.linspace(0, len(xs) - 1, POINTS).astype(int)
    sizes = np.diff(edges)
    means = [np.append(np.add.reduceat(v[:-1], edges[:-1]) / sizes, v[-1]) for v in (xs, ys)]
    return means[0], means[1]


def smooth(values: Sequence[float], span: int) -> np.ndarray:
    """Mean over a centred window of `span` values, narrower at the ends."""
    sums = np.cumsum(np.insert(np.asarray(values, float), 0, 0.0))
    place = np.arange(len(values))
    half = np.minimum(span // 2, np.minimum(place, len(values) - 1 - place))
    low, high = place - half, place + half + 1
    return (sums[high] - sums[low]) / (high - low)


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], size: float = 9.5) -> None:
    """Write each curve's name beside its end, (x, y, text, colour), where it lies on no curve and no other name.

    Call it when limits and scales are final and all curves are drawn.
    """
    if not ends:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    scale = (figure.get_figwidth() * 72 * 0.88 / len(figure.axes), figure.get_figheight() * 72 * 0.78)
    to_axes = axes.transScale + axes.transLimits
    places = to_axes.transform([(x, y) for x, y, _, _ in ends]) * scale
    widths = np.array([0.58 * size * len(text) for _, _, text, _ in ends])
    ink = np.concatenate(
        [_along(to_axes.transform(line.get_xydata()) * scale, size / 4) for line in axes.lines] or [[]]
    )
    names = _arrange(places, widths, size, ink.reshape(-1, 2), scale)
    for (x, y, text, colour), (start, bottom), place in zip(ends, names, places, strict=True):
        axes.annotate(
            plain(text), (x, y), xytext=(start - place[0], bottom + size * LINE / 2 - place[1]),
            textcoords="offset points", va="center", color=colour, fontsize=size, annotation_clip=False,
        )  # fmt: skip


LINE = 1.25
"""The height of a name, in sizes of its letters."""
GAP = 6
"""Points between the end of a curve and its name."""


def _along(points: np.ndarray, step: float) -> np.ndarray:
    """(N, 2) places all along a curve, not farther apart than a step."""
    counts = np.ceil(np.abs(np.diff(points, axis=0)).max(1, initial=0) / step).clip(1, 1000).astype(int)
    parts = [
        np.linspace(first, second, count, endpoint=False)
        for (first, second), count in zip(pairwise(points), counts, strict=True)
    ]
    return np.concatenate([*parts, points[-1:]])


def _arrange(
    places: np.ndarray, widths: np.ndarray, size: float, ink: np.ndarray, room: tuple[float, float]
) -> np.ndarray:
    """(N, 2) lower left corners of names, in points: pushed apart, then each in turn to where it lies on nothing.

    Names of one column keep the order of their curves, so that they can be told apart.
    """
    height = LINE * size
    steps = np.arange(-24, 25) * size / 4 - height / 2
    beside = np.stack([np.full_like(steps, GAP), steps], 1)
    corners = _push_apart(places, size) + np.array([GAP, -height / 2])
    for _ in range(12):
        before = corners.copy()
        for number, (place, width) in enumerate(zip(places, widths, strict=True)):
            # Above, below or before its end a name is farther from being read as the curve's, which costs.
            sides = [beside, beside - (GAP + width / 2, 0), beside - (2 * GAP + width, 0)]
            tried = np.concatenate([corners[number][None], *(place + side for side in sides)])
            others = np.arange(len(places)) != number
            cost = np.abs(tried[:, 1] + height / 2 - place[1]) + np.abs(tried[:, 0] - place[0] - GAP)
            cost += 100 * size * _on_names(tried, width, 0.9 * height, corners[others], widths[others])
            cost += size * _on_ink(tried, width, height, ink)
            cost += 100 * size * _crossed(tried, place, corners[others], places[others], widths[others])
            # In a panel's own margin there is room to its right, and none above, below or to its left.
            outside = (tried[:, 0] < 0) | (tried[:, 1] < -height / 2) | (tried[:, 1] > room[1])
            corners[number] = tried[np.argmin(cost + 100 * size * outside)]
        if np.array_equal(before, corners):
            break
    return corners


def _push_apart(wanted: np.ndarray, size: float) -> np.ndarray:
    """(N, 2) places from which names that would overlap, all right of them, have moved up and down in their order."""
    places = wanted.copy()
    for _ in range(60):
        for first in range(len(places)):
            for second in range(first):
                across, up = np.abs(places[first] - places[second])
                if up < LINE * size and across <= 3.5 * size:
                    move = (LINE * size - up) / 2 * (1 if wanted[first, 1] >= wanted[second, 1] else -1)
                    places[first, 1] += move
                    places[second, 1] -= move
    return places


def _on_names(tried: np.ndarray, width: float, height: float, corners: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """(tries,) how many other names each place would lie on."""
    left, low = np.split(tried, 2, axis=1)
    beside = (left < corners[:, 0] + widths + 2) & (corners[:, 0] < left + width + 2)
    return (beside & (np.abs(low - corners[:, 1]) < height - 1e-9)).sum(1)


def _on_ink(tried: np.ndarray, width: float, height: float, ink: np.ndarray) -> np.ndarray:
    """(tries,) how many places of curves would lie under the name."""
    left, low = tried[:, :1], tried[:, 1:]
    within = (ink[:, 0] > left - 2) & (ink[:, 0] < left + width + 2)
    return (within & (ink[:, 1] > low + 0.1 * height) & (ink[:, 1] < low + 0.9 * height)).sum(1)


def _crossed(
    tried: np.ndarray, place: np.ndarray, corners: np.ndarray, places: np.ndarray, widths: np.ndarray
) -> np.ndarray:
    """(tries,) how many names of one column would stand in another order than their curves end."""
    column = np.abs(tried[:, :1] - corners[:, 0]) < widths
    return (column & ((tried[:, 1:] - corners[:, 1]) * (place[1] - places[:, 1]) < 0)).sum(1)


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an `<svg>` for a page that defines the palette's variables.

    Args:
        name: unique on the page, because clip paths of several figures must not share names.
        description: read aloud to those who cannot see it.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font(?:-family)?: ([^;\"]*?px )?[^;\"]*sans-serif", lambda m: _font(m[1]), svg)
    svg = _with_own_names(svg, name)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
    return with_variables(svg)


def _with_own_names(svg: str, name: str) -> str:
    """Put the figure's name before all ids that are referred to, and drop the others."""
    used = set(re.findall(r"""(?:url\(|href=")#([\w.-]+)""", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", svg)
    return re.sub(r"""(url\(|href=")#""", rf"\1#{name}-", svg)


def _font(size: str | None) -> str:
    return f"font: {size}{FONTS}" if size else f"font-family: {FONTS}"


def save_as(figure: Figure, path: Path, description: str) -> None:
    """Write an SVG, which knows day and night by itself, or a PNG, which is drawn by day."""
    if path.suffix == ".svg":
        svg = inline_svg(figure, re.sub(r"[^\w-]", "-", path.stem), description)
        style = f"<style>{stylesheet()}\nsvg {{ background: var(--paper); }}</style>"
        write_text(path, svg.replace(">", f">{style}", 1))
        return
    with replacing(path) as place, matplotlib.rc_context(STYLE):
        kind = path.suffix.removeprefix(".") or "png"
        figure.savefig(place, dpi=200, format=kind, facecolor=day("paper"), metadata={"Software": None})
