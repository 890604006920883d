"""Charts as SVG, whose colours are the variables of the page that it stands in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from langue.report.chart import SIZE, Chart, Line, Panel, lay_out
from langue.report.page import render

FONTS = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


def side_by_side(charts: Sequence[Chart], width: float, height: float) -> list[Panel]:
    """Charts in one picture, which share its width; several have their titles above them."""
    each = width / len(charts)
    return [
        lay_out(chart, each - (12 if len(charts) > 1 else 0), height, each * number, titled=len(charts) > 1)
        for number, chart in enumerate(charts)
    ]


def chart_svg(chart: Chart, name: str, width: float, height: float) -> str:
    """A chart for a page that defines the palette's variables.

    Args:
        chart: to be drawn.
        name: unique on the page, because what cuts the curves off at the axes must have a name of its own.
        width: points.
        height: points.
    """
    return picture_svg(side_by_side([chart], width, height), name, f"{chart.title}, {chart.unit}", (width, height))


def picture_svg(
    panels: Sequence[Panel], name: str, description: str, size: tuple[float, float], alone: bool = False
) -> str:
    """Panels side by side.

    Args:
        panels: laid out.
        name: unique on the page.
        description: read aloud to those who cannot see it.
        size: width and height, in points.
        alone: in a file of its own, which brings its colours along.
    """
    return render(
        "chart.svg",
        panels=[(panel, _lines(panel)) for panel in panels],
        name=name,
        description=description,
        size=size,
        fonts=FONTS,
        letters=SIZE,
        alone=alone,
    )


def _lines(panel: Panel) -> list[tuple[Line, str, np.ndarray]]:
    """Each curve with its path and its points."""
    return [(line, _path(points), points) for line, points in zip(panel.chart.lines, panel.curves, strict=True)]


def _path(points: np.ndarray) -> str:
    """The `d` of a path through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
