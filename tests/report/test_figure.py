from itertools import pairwise

import numpy as np
import pytest

from langue.report.figure import POINTS, label_ends, new_figure, smooth, thin
from langue.report.palette import COLOURS, SERIES
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


def test_names_at_the_ends_do_not_overlap():
    figure, (axes,) = new_figure(4, 3)
    axes.plot([0, 1], [0, 1])
    label_ends(axes, [(1, 0.50, "one", "#000000"), (1, 0.51, "two", "#000000"), (1, 0.49, "three", "#000000")])
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(boxes))
    assert [text.get_text() for text in sorted(axes.texts, key=lambda t: t.get_window_extent().y0)] == [
        "three",
        "one",
        "two",
    ]


def _boxes(axes):
    axes.get_figure().draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in axes.texts}


@pytest.mark.parametrize("panels", [1, 3])
def test_a_name_lies_neither_on_a_curve_that_goes_on_nor_on_another_name(panels):
    """The end of one curve on another, as in a race where the slower model has seen less."""
    _, (axes, *_) = new_figure(4.1 * panels, 4, panels)
    x = np.linspace(0, 1, 60)
    curves = {"short": (x * 0.5, 1 - x * 0.5), "long": (x, 1 - x), "far": (x * 0.9, 0.52 + 0.05 * x)}
    for xs, ys in curves.values():
        axes.plot(xs, ys)
    label_ends(axes, [(xs[-1], ys[-1], name, "#000000") for name, (xs, ys) in curves.items()])
    boxes = _boxes(axes)
    for name, box in boxes.items():
        inner = box.padded(-2)
        for xs, ys in curves.values():
            dense = np.linspace(0, 1, 2000)
            points = axes.transData.transform(np.stack([np.interp(dense, x, xs), np.interp(dense, x, ys)], 1))
            assert not inner.count_contains(points), name
        for other, second in boxes.items():
            assert other == name or not inner.overlaps(second.padded(-2))
        end = axes.transData.transform([curves[name][0][-1], curves[name][1][-1]])
        assert np.hypot(*(np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - end)) < 60
