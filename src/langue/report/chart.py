"""Curves as data, and their places in a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from langue.report.names import GAP, along, arrange
from langue.wording import short

POINTS = 400
"""Points of a curve that are drawn at most; more only make the page heavy."""
SIZE = 9.5
"""Points of the letters."""
LETTER = 0.58
"""The mean width of a letter, in sizes."""
TITLE = 20
"""Points that a title takes."""

Words = Callable[[float], str]
"""A number in words."""


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        x: its places, ascending.
        y: its values.
        colour: a name of the palette.
        width: points.
        faint: lighter than others.
        dot: radius of a dot at each point, 0 for none.
        end: radius of a dot at its end.
    """

    x: Sequence[float]
    y: Sequence[float]
    colour: str
    width: float = 1.8
    faint: bool = False
    dot: float = 0.0
    end: float = 0.0

    @cached_property
    def thinned(self) -> np.ndarray:
        """(N, 2) points that are drawn."""
        return np.stack(thin(self.x, self.y), 1)


@dataclass(frozen=True)
class PointLabel:
    """Words at a point, in a colour of the palette."""

    x: float
    y: float
    text: str
    colour: str


@dataclass(frozen=True)
class Chart:
    """Curves over one axis.

    Attributes:
        title: what they are of.
        unit: what the axes count.
        lines: the curves.
        names: beside the ends of the curves.
        rings: points that count, with words below them.
        span: the lowest and the highest value that are seen; None for all.
        log: base of the logarithm that the horizontal axis goes by; None for none.
        below: words beneath the horizontal axis.
        beside: words beside the vertical one.
        words: of the values at the vertical axis.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    names: Sequence[PointLabel] = ()
    rings: Sequence[PointLabel] = ()
    span: tuple[float, float] | None = None
    log: int | None = None
    below: str = ""
    beside: str = ""
    words: Words = "{:.10g}".format


@dataclass(frozen=True)
class Panel:
    """A chart in a picture, all in points from the upper left.

    Attributes:
        chart: what is drawn.
        offset: of its left side in the picture.
        box: left, top, right and bottom of the space between its axes.
        curves: (N, 2) points of each line.
        rows: the height of each value at the vertical axis, and its words.
        columns: the same of the horizontal one.
        names: left end, middle height, text and colour of each name.
        rings: the same of each point that counts, from its middle.
    """

    chart: Chart
    offset: float
    box: tuple[float, float, float, float]
    curves: Sequence[np.ndarray]
    rows: Sequence[tuple[float, str]]
    columns: Sequence[tuple[float, str]]
    names: Sequence[tuple[float, float, str, str]]
    rings: Sequence[tuple[float, float, str, str]]


def lay_out(chart: Chart, width: float, height: float, offset: float = 0.0, titled: bool = False) -> Panel:
    """The places of everything in a picture of so many points."""
    low, high = chart.span or _span([line.y for line in chart.lines])
    rows = ticks(low, high)
    left = 8 + LETTER * SIZE * max((len(chart.words(value)) for value in rows), default=0)
    left += 1.4 * SIZE if chart.beside else 0
    top, bottom = 8 + (TITLE if titled else 0), height - 2 * SIZE - (1.5 * SIZE if chart.below else 0)
    first, last = _span([_scaled(chart, line.x) for line in chart.lines], margin=0.03)
    box = (left, top, width - _right(chart, first, last), bottom)

    def place(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
        across = (_scaled(chart, x) - first) / (last - first)
        up = (np.asarray(y, float) - low) / (high - low)
        return np.stack([box[0] + across * (box[2] - box[0]), box[3] - up * (box[3] - box[1])], 1)

    curves = [place(*line.thinned.T) for line in chart.lines]
    columns = _columns(chart, first, last, box[2] - box[0])
    return Panel(
        chart,
        offset,
        box,
        curves,
        [(float(place([1], [value])[0, 1]), chart.words(value)) for value in rows],
        [(float(place([value], [low])[0, 0]), short(value)) for value in columns],
        _named(chart.names, place([name.x for name in chart.names], [name.y for name in chart.names]), curves, box),
        _ringed(chart.rings, place([ring.x for ring in chart.rings], [ring.y for ring in chart.rings])),
    )


def _scaled(chart: Chart, x: Sequence[float]) -> np.ndarray:
    values = np.asarray(x, float)
    return values if chart.log is None else np.log(values)


def _span(values: Sequence[Sequence[float] | np.ndarray], margin: float = 0.05) -> tuple[float, float]:
    """The lowest and the highest of all values, and a share of what lies between them more on both sides."""
    every = np.concatenate([np.asarray(part, float) for part in values] or [np.array([0.0, 1.0])])
    room = margin * float(every.max() - every.min()) or 0.05
    return float(every.min()) - room, float(every.max()) + room


def _right(chart: Chart, first: float, last: float) -> float:
    """Points at the right that the names of curves need which end there."""
    room = 10.0
    for name in chart.names:
        end = (float(_scaled(chart, [name.x])[0]) - first) / (last - first)
        if end > 0.7:
            room = max(room, GAP + LETTER * SIZE * len(name.text) + 2)
    return room


def _ringed(rings: Sequence[PointLabel], places: np.ndarray) -> list[tuple[float, float, str, str]]:
    return [(float(x), float(y), ring.text, ring.colour) for (x, y), ring in zip(places, rings, strict=True)]


def _named(
    names: Sequence[PointLabel],
    places: np.ndarray,
    curves: Sequence[np.ndarray],
    box: tuple[float, float, float, float],
) -> list[tuple[float, float, str, str]]:
    if not names:
        return []
    left, top, right, bottom = box
    turn = np.array([1.0, -1.0])  # names are arranged with heights that grow upwards
    origin = np.array([left, bottom])
    widths = np.array([LETTER * SIZE * len(name.text) for name in names])
    inside = [curve[(curve[:, 1] >= top - SIZE) & (curve[:, 1] <= bottom + SIZE)] for curve in curves]
    ink = [along((curve - origin) * turn, SIZE / 4) for curve in inside if len(curve)]
    drawn = np.concatenate(ink or [np.empty((0, 2))])
    corners = arrange((places - origin) * turn, widths, SIZE, drawn, (right - left, bottom - top))
    return [
        (left + float(x), bottom - float(y) - 0.62 * SIZE, name.text, name.colour)
        for (x, y), name in zip(corners, names, strict=True)
    ]


def ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Round values between two, at most so many steps apart; whole numbers where it makes sense."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    if whole:
        step = max(1.0, math.ceil(step - 1e-9))
    count = math.floor(high / step + 1e-9)
    return [number * step for number in range(math.ceil(low / step - 1e-9), count + 1)]


def _columns(chart: Chart, first: float, last: float, width: float) -> list[float]:
    """Values at the horizontal axis, as many as there is room for."""
    if chart.log is None:
        return [value for value in ticks(first, last, 5 if width > 260 else 3, whole=True) if value >= 0]
    for factors, skip in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
        factors = factors if chart.log == 10 else (1,)
        powers = range(math.floor(first / math.log(chart.log)), math.ceil(last / math.log(chart.log)) + 1, skip)
        values = [factor * float(chart.log) ** power for power in powers for factor in factors]
        shown = [value for value in values if first <= math.log(value) <= last]
        if len(shown) * 32 <= width:
            return shown
    return shown


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


def fitted(values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
    """The span of some values, and a share of it more above and below."""
    return _span([values], margin)
