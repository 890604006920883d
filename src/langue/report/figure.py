"""How all pictures are drawn: light axes, names at the ends of the curves, SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from langue.report.palette import day, stylesheet, with_variables
from langue.report.words import short

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
"""How many points of a curve are drawn at most; more only make the page heavy."""


def new_figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        for each in axes:
            each.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
            each.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            each.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    return figure, list(axes)


def new_grid(width: float, height: float, rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows and columns of panels, in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


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
    """Write each curve's name beside its end, (x, y, text, colour); names that would overlap move apart.

    Call it when limits and scales are final.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    width = figure.get_figwidth() * 72 / len(figure.axes)
    height = figure.get_figheight() * 72 * 0.78
    to_axes = axes.transScale + axes.transLimits
    places = to_axes.transform([(x, y) for x, y, _, _ in ends]) * (width, height) if ends else np.empty((0, 2))
    wanted = places.copy()
    for _ in range(60):
        for first in range(len(ends)):
            for second in range(first):
                _push_apart(places[first], places[second], wanted[first] - wanted[second], size)
    for (x, y, text, colour), place, old in zip(ends, places, wanted, strict=True):
        axes.annotate(
            text, (x, y), xytext=(6, place[1] - old[1]), textcoords="offset points",
            va="center", color=colour, fontsize=size, annotation_clip=False,
        )  # fmt: skip


def _push_apart(first: np.ndarray, second: np.ndarray, wanted: np.ndarray, size: float) -> None:
    """Move two labels, (x, y) in points, away from each other by half of what they overlap, in their wanted order."""
    overlap = 1.25 * size - abs(first[1] - second[1])
    if overlap <= 0 or abs(first[0] - second[0]) > 3.5 * size:
        return
    upward = 1 if wanted[1] >= 0 else -1
    first[1] += upward * overlap / 2
    second[1] -= upward * overlap / 2


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
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)
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
        svg = inline_svg(figure, path.stem, description)
        inner = f"<style>{stylesheet()}\nsvg {{ background: var(--paper); }}</style>"
        head = svg.index(">") + 1
        path.write_text(svg[:head] + inner + svg[head:], encoding="utf-8")
        return
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=200, facecolor=day("paper"), metadata={"Software": None})
