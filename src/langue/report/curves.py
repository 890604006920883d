"""The curves of one run: what it learned, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from langue.report.chart import Chart, Line, PointLabel, Words, fitted, smooth
from langue.report.record import Record, Row, number
from langue.report.svg import chart_svg
from langue.wording import short

Points = tuple[list[float], list[float]]

SIZES = {"wide": (691.0, 252.0), "narrow": (266.0, 180.0)}
"""Width and height on a desk and on a phone, in points, so that letters are of one size in both."""

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
    return [_drawn(chart, key) for key, chart in charts_of(record).items()]


def charts_of(record: Record) -> dict[str, Chart]:
    """The same as charts, by name."""
    charts = {
        name: _measure(record, name, f"{measure.meaning}, by step", measure.title)
        for name, measure in record.kind.measures.items()
        if len(points(record.train, name)[0]) > 1 or points(record.dev, name)[0]
    }
    if not record.kind.measures and (record.train or record.dev):
        charts["loss"] = _loss(record)
    scores = [name for name in record.kind.scores if name not in record.kind.measures and points(record.dev, name)[0]]
    if scores:
        charts["scores"] = _scores(record, scores)
    if points(record.dev, "bits_per_byte")[0]:
        charts["bits"] = _bits(record)
    measured = sorted({name for row in record.train for name in row} - TRAIN_KEYS - record.kind.measures.keys())
    for key, title, unit in (
        ("tokens_per_second", "Speed", f"{record.kind.unit} per second, by step"),
        ("learning_rate", "Learning rate", "by step"),
        ("gradient_norm", "Gradient norm", "before clipping, by step"),
        ("peak_share", "Use of the machine", "% of what it multiplies matrices by at the time, by step"),
        *((name, name.replace("_", " ").capitalize(), "training, by step") for name in measured),
    ):
        curve = points(record.train, key)
        if len(curve[0]) > 1:
            charts[key] = _plain(curve, key, title, unit)
    return charts


def points(rows: Sequence[Row], key: str) -> Points:
    """Steps and values of the rows that hold a finite number."""
    pairs = [(float(row["step"]), value) for row in rows if (value := number(row, key)) is not None]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _drawn(chart: Chart, key: str) -> Curve:
    pictures = {shape: chart_svg(chart, f"{key}-{shape}".replace("_", "-"), *size) for shape, size in SIZES.items()}
    return Curve(chart.title, chart.unit, **pictures)


def _measure(record: Record, name: str, unit: str, title: str) -> Chart:
    """A number on training and dev data, over all steps; one that is never below 0, from there on."""
    train, dev = points(record.train, name), points(record.dev, name)
    drawn = [_train(train, short)] if train[0] else []
    drawn += [_dev(dev, "dev", words=short)] if dev[0] else []
    values = [*train[1], *dev[1]]
    span = (0.0, 1.08 * max(values) or 1.0) if min(values) >= 0 else fitted(values, 0.06)
    return _chart(title, unit, drawn, span=span, words=short)


Drawn = tuple[list[Line], PointLabel]
"""The lines of a curve, and its name at their end."""


def _chart(
    title: str,
    unit: str,
    drawn: Sequence[Drawn],
    *,
    span: tuple[float, float] | None = None,
    rings: Sequence[PointLabel] = (),
    words: Words = "{:.10g}".format,
) -> Chart:
    lines = [line for lines, _ in drawn for line in lines]
    return Chart(title, unit, lines, [name for _, name in drawn], rings, span, words=words)


def _train(curve: Points, words: Words = EXACT) -> Drawn:
    """A curve of training, faint as it is and strong as it goes; its name has its last value."""
    x, y = curve
    calm = smooth(y, max(1, len(y) // 25)).tolist()
    lines = [Line(x, y, "train", width=1.0, faint=True), Line(x, calm, "train")]
    return lines, PointLabel(x[-1], calm[-1], f"train {words(calm[-1])}", "train")


def _dev(curve: Points, name: str, colour: str = "dev", words: Words = EXACT) -> Drawn:
    """A curve of dev data, whose name has its last value."""
    x, y = curve
    text = f"{name.replace('_', ' ')} {words(y[-1])}".strip()
    return [Line(x, y, colour, width=2.0, dot=2.0)], PointLabel(x[-1], y[-1], text, colour)


def _loss(record: Record) -> Chart:
    unit = "nats for each token, by step" if record.kind.unit == "tokens" else "by step"
    train, dev = points(record.train, "loss"), points(record.dev, "loss")
    drawn = [_train(train)] if train[0] else []
    drawn += [_dev(dev, "dev")] if dev[0] else []
    best = int(np.argmin(dev[1])) if dev[1] else 0
    rings = (
        [PointLabel(dev[0][best], dev[1][best], f"best {dev[1][best]:.3f}", "ink")] if best < len(dev[1]) - 1 else []
    )
    low, high = _settled([train, dev])
    room = 0.14 * (high - low) if rings else 0.0  # for the words below the lowest point
    return _chart("Loss", unit, drawn, span=(low - room, high), rings=rings)


def _bits(record: Record) -> Chart:
    curve = points(record.dev, "bits_per_byte")
    return _chart("Bits per byte", "dev, by step", [_dev(curve, "")], span=_settled([curve]))


def _scores(record: Record, names: Sequence[str]) -> Chart:
    """The first two, which are the task's own; all others follow them closely."""
    drawn = [_dev(points(record.dev, name), name, colour) for name, colour in zip(names, ("dev", "blue"), strict=False)]
    return _chart("Scores", "dev, by step", drawn)


def _plain(curve: Points, key: str, title: str, unit: str) -> Chart:
    x, y = curve
    y = [100 * value for value in y] if key == "peak_share" else y
    calm = y if key == "learning_rate" else smooth(y, max(5, len(y) // 15)).tolist()
    # The last stretch is short and its speed a matter of chance; the middle of all says more.
    value = float(np.median(y)) if key in ("tokens_per_second", "peak_share") else calm[-1]
    lines = [Line(x, y, "train", width=1.0, faint=True)] if calm is not y else []
    span = (0.0, 1.08 * float(np.percentile(y, 99)) or 1.0) if min(y) >= 0 else None
    drawn = [*lines, Line(x, calm, "blue")], PointLabel(x[-1], calm[-1], short(value), "blue")
    return _chart(title, unit, [drawn], span=span, words=short)


def _settled(curves: Sequence[Points]) -> tuple[float, float]:
    """The span in which a new model's fall from its first guesses leaves the picture, so that what follows is seen."""
    last = max((x[-1] for x, _ in curves if x), default=0.0)
    return fitted([value for x, y in curves for step, value in zip(x, y, strict=True) if step >= 0.02 * last], 0.06)
