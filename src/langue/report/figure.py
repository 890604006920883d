"""Grids of panels, such as maps of attention, by matplotlib, as SVG that takes its colours from the page or as PNG."""

from __future__ import annotations

import io
import re
from html import escape
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langue.files import replacing, write_text
from langue.report.palette import day, stylesheet, with_variables
from langue.report.svg import FONTS

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


def new_grid(width: float, height: float, rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows and columns of panels, in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def plain(text: str) -> str:
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


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
