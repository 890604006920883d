"""Charts as a PNG, which is drawn by day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from langue.errors import LangueError
from langue.extra import need
from langue.files import replacing
from langue.report.chart import SIZE, Panel
from langue.report.palette import day


def write_png(path: Path, panels: Sequence[Panel], size: tuple[float, float]) -> None:
    """Draw panels side by side in a picture of so many points, where matplotlib is at hand."""
    try:
        figures = need("matplotlib.figure", "report", "a picture as PNG")
    except LangueError:
        return
    figure = figures.Figure(figsize=(size[0] / 72, size[1] / 72), facecolor=day("paper"))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    axes.set_axis_off()
    for panel in panels:
        _draw(axes, panel)
    with replacing(path) as place:
        figure.savefig(place, dpi=200, format="png", facecolor=day("paper"), metadata={"Software": None})


def _draw(axes, panel: Panel) -> None:
    left, top, right, bottom = panel.box
    move, chart = panel.offset, panel.chart

    def write(x: float, y: float, text: str, colour: str, **options) -> None:
        options = {"fontsize": SIZE, "va": "center", **options}
        axes.text(move + x, y, text.replace("$", r"\$"), color=day(colour), **options)

    write(left, 10, chart.title, "ink", fontsize=10.5, fontweight="bold")
    for height, words in panel.rows:
        axes.plot([move + left, move + right], [height, height], color=day("line"), linewidth=0.8, zorder=0)
        write(left - 5, height, words, "muted", ha="right")
    axes.plot([move + left, move + right], [bottom, bottom], color=day("line"), linewidth=1, zorder=0)
    for across, words in panel.columns:
        write(across, bottom + SIZE, words, "muted", ha="center")
    write((left + right) / 2, bottom + 2.4 * SIZE, chart.below, "muted", ha="center")
    write(SIZE, (top + bottom) / 2, chart.beside, "muted", ha="center", rotation=90)
    for line, points in zip(chart.lines, panel.curves, strict=True):
        (curve,) = axes.plot(
            move + points[:, 0], points[:, 1], color=day(line.colour), linewidth=line.width,
            alpha=0.35 if line.faint else 1, marker="o" if line.dot or line.end else None,
            markersize=2 * (line.dot or line.end), markevery=None if line.dot else [-1],
        )  # fmt: skip
        curve.set_clip_path(_box(move + left - 4, top - 4, right - left + 8, bottom - top + 8), axes.transData)
    for x, y, words, colour in panel.names:
        write(x, y, words, colour)


def _box(left: float, top: float, width: float, height: float):
    from matplotlib.path import Path as Outline

    return Outline([(left, top), (left + width, top), (left + width, top + height), (left, top + height), (left, top)])
