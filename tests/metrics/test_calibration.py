"""Calibration and thresholds against scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics as sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from langue.errors import LangueError
from langue.metrics.calibration import brier, expected_calibration_error, operating_point, reliability

shares = st.floats(0, 1).map(lambda value: round(value, 2))
answers = st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(answers)
def test_the_reliability_curve_is_scikit_learns(rows):
    confidence, right = zip(*rows, strict=True)
    curve = [part for part in reliability(confidence, right) if part.count]
    accuracy, mean = calibration_curve(right, confidence, n_bins=10)
    np.testing.assert_allclose([part.accuracy for part in curve], accuracy)
    np.testing.assert_allclose([part.confidence for part in curve], mean)
    assert sum(part.count for part in curve) == len(rows)
    assert all(part.low - 1e-12 <= part.confidence <= part.high + 1e-12 for part in curve)


def test_the_calibration_error_is_the_mean_distance_by_hand():
    # Two answers at 0.55, one of them right, and one at 0.95, which is wrong.
    curve = reliability([0.55, 0.55, 0.95], [True, False, False])
    assert expected_calibration_error(curve) == pytest.approx((2 * 0.05 + 0.95) / 3)
    assert expected_calibration_error(reliability([1.0, 1.0], [True, True])) == 0.0


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_brier_is_scikit_learns(labels):
    draws = np.random.default_rng(labels)
    probabilities, expected = draws.dirichlet(np.ones(labels), 50), draws.integers(labels, size=50)
    theirs = sklearn.brier_score_loss(
        expected, probabilities[:, 1] if labels == 2 else probabilities, labels=list(range(labels))
    )
    assert brier(probabilities, expected) == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None)
@given(answers, st.sampled_from([0.3, 0.5, 0.75, 0.9, 1.0]))
def test_the_operating_point_is_the_lowest_threshold_of_scikit_learns_curve(rows, wanted):
    confidence, right = zip(*rows, strict=True)
    point = operating_point(confidence, right, wanted)
    if not any(right):
        assert point is None
        return
    precision, recall, thresholds = sklearn.precision_recall_curve(right, confidence)
    good = [place for place in range(len(thresholds)) if precision[place] >= wanted - 1e-12]
    if not good:
        assert point is None
        return
    assert point is not None
    best = min(good, key=lambda place: thresholds[place])
    assert point.threshold == thresholds[best]  # which has two digits
    assert point.precision == pytest.approx(precision[best])
    assert point.recall == pytest.approx(recall[best])
    assert point.count == sum(value >= point.threshold for value in confidence)


def test_a_threshold_has_as_few_digits_as_part_the_same_answers():
    sure = 0.8475185736200201
    for below, threshold in [
        (0.5, 0.8475),
        (0.8475, 0.84751),
        (0.8475185736, 0.84751857362),
        (0.8475185736200200, sure),
    ]:
        point = operating_point([0.9, sure, below], [True, True, False], 1.0)
        assert point is not None
        assert (point.threshold, point.count) == (threshold, 2)
    assert operating_point([0.00003], [True], 1.0).threshold == 0.0


def test_recall_is_of_all_that_is_to_be_found():
    point = operating_point([0.9, 0.8, 0.2], [True, True, False], 1.0, positives=4)
    assert point is not None
    assert (point.threshold, point.recall, point.count) == (0.8, 0.5, 2)


@pytest.mark.parametrize("wanted", [0.0, -1.0, 1.5, float("nan")])
def test_a_precision_that_cannot_be_is_a_sentence(wanted):
    with pytest.raises(LangueError, match="a share above 0 and at most 1"):
        operating_point([0.5], [True], wanted)


@pytest.mark.parametrize("measure", [reliability, lambda *rows: operating_point(*rows, 0.9)])
def test_nothing_to_judge_is_a_sentence(measure):
    with pytest.raises(LangueError, match="nothing to score"):
        measure([], [])
    with pytest.raises(LangueError, match="are not numbers"):
        measure([float("nan")], [True])
