import math
from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from langue.recipe import Recipe
from langue.report.chart import LETTER, POINTS, SIZE, Chart, Line, PointLabel, lay_out, smooth, thin, ticks
from langue.report.curves import SIZES, charts_of
from langue.report.names import LINE
from langue.report.palette import COLOURS, SERIES
from langue.report.svg import chart_svg
from langue.wording import short


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["ink", "muted", *SERIES])
@pytest.mark.parametrize("side", [0, 1])
def test_words_can_be_read_by_day_and_by_night(name, side):
    for ground in ("paper", "card"):
        bright, dark = sorted((luminance(COLOURS[name][side]), luminance(COLOURS[ground][side])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_colours_are_told_apart_by_day():
    assert len({pair[0] for pair in COLOURS.values()}) == len(COLOURS)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.001, "0.001"), (999, "999"), (59_800, "59.8k"), (124_439_808, "124M"), (1_540_000, "1.54M")],
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_smoothing_is_the_mean_around_and_keeps_the_ends():
    values = np.random.default_rng(0).normal(size=50)
    calm = smooth(list(values), 7)
    assert np.allclose(calm[3:-3], np.convolve(values, np.ones(7) / 7, "valid"))
    assert calm[0] == pytest.approx(values[0])
    assert calm[-1] == pytest.approx(values[-1])


def test_long_curves_are_thinned_to_means_and_keep_their_end():
    x = list(range(10_001))
    thin_x, thin_y = thin(x, [2.0 * value for value in x])
    assert len(thin_x) == POINTS
    assert thin_x[-1] == 10_000
    assert np.allclose(thin_y, 2 * thin_x)
    assert 0 < thin_x[0] < 25


def boxes(panel) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each name."""
    high = LINE * SIZE / 2
    return {text: (x, y - high, x + LETTER * SIZE * len(text), y + high) for x, y, text, _ in panel.names}


def overlap(one, two, inner: float = 2) -> bool:
    across = one[0] + inner < two[2] - inner and two[0] + inner < one[2] - inner
    return across and one[1] + inner < two[3] - inner and two[1] + inner < one[3] - inner


def test_names_at_the_ends_do_not_overlap_and_keep_their_order():
    names = [PointLabel(1, y, name, "ink") for name, y in (("one", 0.50), ("two", 0.51), ("three", 0.49))]
    panel = lay_out(Chart("", "", [Line([0, 1], [0, 1], "dev")], names), 300, 200)
    found = sorted(boxes(panel).items(), key=lambda pair: pair[1][1])
    assert [name for name, _ in found] == ["two", "one", "three"]
    assert all(above[3] <= below[1] + 1 for (_, above), (_, below) in pairwise(found))
    assert all(box[2] <= 300 for _, box in found)


@pytest.mark.parametrize("width", [260, 700])
def test_a_name_lies_neither_on_a_curve_that_goes_on_nor_on_another_name(width):
    """The end of one curve on another, as in a race where the slower model has seen less."""
    x = np.linspace(0, 1, 60)
    curves = {"short": (x * 0.5, 1 - x * 0.5), "long": (x, 1 - x), "far": (x * 0.9, 0.52 + 0.05 * x)}
    lines = [Line(list(xs), list(ys), "dev") for xs, ys in curves.values()]
    names = [PointLabel(xs[-1], ys[-1], name, "ink") for name, (xs, ys) in curves.items()]
    panel = lay_out(Chart("", "", lines, names), width, 280)
    places = boxes(panel)
    for name, box in places.items():
        for points in panel.curves:
            dense = np.stack([np.interp(np.linspace(0, 59, 4000), np.arange(60), side) for side in points.T], 1)
            on = (dense[:, 0] > box[0] + 2) & (dense[:, 0] < box[2] - 2)
            assert not (on & (dense[:, 1] > box[1] + 2) & (dense[:, 1] < box[3] - 2)).any(), name
        assert not any(overlap(box, second) for other, second in places.items() if other != name)
        end = panel.curves[list(curves).index(name)][-1]
        assert math.hypot((box[0] + box[2]) / 2 - end[0], (box[1] + box[3]) / 2 - end[1]) < 45


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1.71, 3.38, 5, [2.0, 2.5, 3.0]),
        (-3, 9, 3, [0, 5]),
        (0.0101, 0.0108, 5, [0.0102, 0.0104, 0.0106, 0.0108]),
    ],
)
def test_ticks_are_round_and_within(low, high, most, expected):
    assert ticks(low, high, most) == pytest.approx(expected)


def test_points_lie_where_the_axes_say():
    chart = Chart("", "", [Line([10, 100, 1000], [1, 2, 3], "dev")], log=10, span=(0, 4))
    panel = lay_out(chart, 400, 200)
    left, top, right, bottom = panel.box
    assert panel.curves[0][:, 1] == pytest.approx([bottom - share * (bottom - top) for share in (0.25, 0.5, 0.75)])
    steps = np.diff(panel.curves[0][:, 0])
    assert steps[0] == pytest.approx(steps[1])  # each ten times farther, each as far apart
    columns = dict(zip((words for _, words in panel.columns), (place for place, _ in panel.columns), strict=True))
    assert columns["100"] == pytest.approx(panel.curves[0][1, 0])
    assert all(left - 1 <= place <= right + 1 for place in columns.values())
    rows = {words: height for height, words in panel.rows}
    assert rows["2"] == pytest.approx(panel.curves[0][1, 1])


def test_an_svg_is_well_formed_and_its_words_are_words():
    chart = Chart("<b>", "&", [Line([1, 2], [1, 2], "dev", dot=2)], [PointLabel(2, 2, "<i> & co", "ink")])
    root = ElementTree.fromstring(chart_svg(chart, "name", 300, 200))
    words = ["".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<i> & co" in words
    assert root.get("aria-label") == "<b>, &"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2


@pytest.mark.parametrize("size", SIZES.values())
def test_the_words_below_the_best_point_stand_above_the_axis(size):
    rows = [{"step": step, "split": "dev", "loss": loss} for step, loss in ((1, 5.0), (2, 3.0), (3, 2.0), (4, 2.1))]
    record = SimpleNamespace(train=[], dev=rows, kind=Recipe)
    panel = lay_out(charts_of(record)["loss"], *size)
    [(_, y, words, _)] = panel.rings
    assert words == "best 2.000"
    assert y + 18 <= panel.box[3]
