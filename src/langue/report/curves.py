"""The curves of one run: what it learned, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from langue.report.figure import fit_height, inline_svg, label_ends, new_figure, smooth, thin
from langue.report.palette import day
from langue.report.record import SCORES, Record, Row, number
from langue.wording import short

Points = tuple[list[float], list[float]]

Words = Callable[[float], str]
"""A number in words."""

EXACT: Words = "{:.3f}".format


@dataclass(frozen=True)
class Curve:
    """A finished picture: `wide` for a desk, `narrow` for a phone."""

    title: str
    unit: str
    wide: str
    narrow: str


TRAIN_KEYS = {
    "step", "split", "tokens", "seconds", "loss", "bits_per_byte", "tokens_per_second", "waited", "peak_share",
    "learning_rate", "gradient_norm", "skipped", "crc32",
}  # fmt: skip
"""The keys of every line of training; all others are of what its loss measures."""


def curves_of(record: Record) -> list[Curve]:
    """All curves that the run's metrics hold numbers for: what says most of its task first, usually the loss."""
    drawn = [
        _both(measure.title, f"{measure.meaning}, by step", name, partial(_draw_measure, record=record, name=name))
        for name, measure in record.measures.items()
        if len(points(record.train, name)[0]) > 1 or points(record.dev, name)[0]
    ]
    if not record.measures and (record.train or record.dev):
        unit = "nats for each token, by step" if record.unit == "tokens" else "by step"
        drawn.append(_both("Loss", unit, "loss", partial(_draw_loss, record=record)))
    scores = [name for name in SCORES if name not in record.measures and points(record.dev, name)[0]]
    if scores:
        drawn.append(_both("Scores", "dev, by step", "scores", partial(_draw_scores, record=record, names=scores)))
    if points(record.dev, "bits_per_byte")[0]:
        drawn.append(_both("Bits per byte", "dev, by step", "bits", partial(_draw_bits, record=record)))
    measured = sorted({name for row in record.train for name in row} - TRAIN_KEYS - record.measures.keys())
    for key, title, unit in (
        ("tokens_per_second", "Speed", f"{record.unit} per second, by step"),
        ("learning_rate", "Learning rate", "by step"),
        ("gradient_norm", "Gradient norm", "before clipping, by step"),
        ("peak_share", "Use of the machine", "% of what it multiplies matrices by at the time, by step"),
        *((name, name.replace("_", " ").capitalize(), "training, by step") for name in measured),
    ):
        x, y = points(record.train, key)
        if len(x) > 1:
            drawn.append(_both(title, unit, key, partial(_draw_plain, x=x, y=y, key=key)))
    return drawn


def points(rows: Sequence[Row], key: str) -> Points:
    """Steps and values of the rows that hold a finite number."""
    pairs = [(float(row["step"]), value) for row in rows if (value := number(row, key)) is not None]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _both(title: str, unit: str, name: str, draw) -> Curve:
    pictures = {}
    for shape, size in (("wide", (9.6, 3.5)), ("narrow", (3.7, 2.5))):
        figure, (axes,) = new_figure(*size)
        draw(axes)
        pictures[shape] = inline_svg(figure, f"{name}-{shape}".replace("_", "-"), f"{title}, {unit}")
    return Curve(title, unit, **pictures)


def _draw_measure(axes: Axes, record: Record, name: str) -> None:
    """A number on training and dev data, over all steps; one that is never below 0, from there on."""
    curve, dev = points(record.train, name), points(record.dev, name)
    ends = [_plot_train(axes, curve, short)] if curve[0] else []
    if dev[0]:
        ends.append(_plot_dev(axes, dev, "dev", words=short))
    values = [*curve[1], *dev[1]]
    fit_height(axes, values, 0.06)
    if min(values) >= 0:
        axes.set_ylim(0, 1.08 * max(values) or 1.0)
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    label_ends(axes, ends)


def _plot_train(axes: Axes, curve: Points, words: Words = EXACT) -> tuple[float, float, str, str]:
    """Draw a curve of training, faint as it is and strong as it goes; its end, with its name and last value."""
    x, y = curve
    axes.plot(*thin(x, y), color=day("train"), alpha=0.35, linewidth=1.0)
    calm = smooth(y, max(1, len(y) // 25))
    axes.plot(*thin(x, list(calm)), color=day("train"))
    return x[-1], float(calm[-1]), f"train {words(calm[-1])}", day("train")


def _draw_loss(axes: Axes, record: Record) -> None:
    x, y = points(record.train, "loss")
    ends = [_plot_train(axes, (x, y))] if x else []
    dev_x, dev_y = points(record.dev, "loss")
    if dev_x:
        ends.append(_plot_dev(axes, (dev_x, dev_y), "dev"))
        if len(dev_y) > 1 and (best := int(np.argmin(dev_y))) < len(dev_y) - 1:
            _ring(axes, dev_x[best], dev_y[best], f"best {dev_y[best]:.3f}")
    _look_past_the_start(axes, [(x, y), (dev_x, dev_y)])
    label_ends(axes, ends)


def _draw_bits(axes: Axes, record: Record) -> None:
    curve = points(record.dev, "bits_per_byte")
    end = _plot_dev(axes, curve, "")
    _look_past_the_start(axes, [curve])
    label_ends(axes, [end])


def _draw_scores(axes: Axes, record: Record, names: Sequence[str]) -> None:
    """The first two, which are the task's own; all others follow them closely."""
    colours = zip(names, ("dev", "blue"), strict=False)
    label_ends(axes, [_plot_dev(axes, points(record.dev, name), name, colour) for name, colour in colours])


def _plot_dev(
    axes: Axes, curve: Points, name: str, colour: str = "dev", words: Words = EXACT
) -> tuple[float, float, str, str]:
    """Draw a curve of dev data; its end, with its name and last value, and its colour."""
    x, y = curve
    axes.plot(x, y, color=day(colour), marker="o", markersize=3, linewidth=2)
    return x[-1], y[-1], f"{name.replace('_', ' ')} {words(y[-1])}".strip(), day(colour)


def _draw_plain(axes: Axes, x: list[float], y: list[float], key: str) -> None:
    if key == "peak_share":
        y = [100 * value for value in y]
    noisy = key != "learning_rate"
    if noisy:
        axes.plot(*thin(x, y), color=day("train"), alpha=0.35, linewidth=1.0)
    calm = list(smooth(y, max(5, len(y) // 15))) if noisy else y
    axes.plot(*thin(x, calm), color=day("blue"))
    if min(y) >= 0:
        axes.set_ylim(0, 1.08 * float(np.percentile(y, 99)) or 1.0)
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    # The last stretch is short and its speed a matter of chance; the middle of all says more.
    value = float(np.median(y)) if key in ("tokens_per_second", "peak_share") else calm[-1]
    label_ends(axes, [(x[-1], calm[-1], short(value), day("blue"))])


def _look_past_the_start(axes: Axes, curves: Sequence[Points]) -> None:
    """Let a new model's fall from its first guesses leave the picture, so that what follows is seen."""
    last = max((x[-1] for x, _ in curves if x), default=0.0)
    settled = [value for x, y in curves for step, value in zip(x, y, strict=True) if step >= 0.02 * last]
    fit_height(axes, settled, 0.06)


def _ring(axes: Axes, x: float, y: float, text: str) -> None:
    """Mark the point that counts."""
    axes.plot([x], [y], marker="o", markersize=8, markerfacecolor="none", markeredgecolor=day("ink"))
    axes.annotate(text, (x, y), xytext=(0, -15), textcoords="offset points", ha="center", color=day("ink"), fontsize=9)
