"""Correlations and errors against scipy and scikit-learn."""

import warnings

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.metrics.regression import mean_squared_error, pearson, spearman

# Few different values, so that ties and constant columns are common.
coarse = st.integers(-3, 3).map(float)
fine = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
columns = st.lists(st.tuples(coarse | fine, coarse | fine), min_size=2, max_size=30)


@given(columns)
def test_scores_are_scipys(rows):
    predicted, expected = zip(*rows, strict=True)
    constant = len(set(predicted)) == 1 or len(set(expected)) == 1
    with warnings.catch_warnings(action="ignore"):
        for ours, theirs in ((pearson, scipy.stats.pearsonr), (spearman, scipy.stats.spearmanr)):
            want = 0.0 if constant else theirs(predicted, expected).statistic
            assert ours(predicted, expected) == pytest.approx(want, abs=1e-7)
    want = sklearn.metrics.mean_squared_error(expected, predicted)
    assert mean_squared_error(predicted, expected) == pytest.approx(want, rel=1e-12)


def test_ties_share_their_mean_rank():
    rng = np.random.default_rng(0)
    predicted, expected = rng.integers(0, 5, (2, 500)).astype(float)
    assert spearman(predicted, expected) == pytest.approx(
        scipy.stats.spearmanr(predicted, expected).statistic, abs=1e-12
    )


def test_only_the_order_matters_to_spearman():
    values = [0.1, 0.2, 0.5, 3.0, 7.0]
    assert spearman([np.exp(value) for value in values], values) == pytest.approx(1.0)
    assert pearson([np.exp(value) for value in values], values) < 0.95


@pytest.mark.parametrize("metric", [pearson, spearman])
def test_constant_and_unknown_columns(metric):
    assert metric([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]) == 0.0
    assert metric([1.0, 2.0, 3.0], [0.7, 0.7, 0.7]) == 0.0
    assert metric([1.0], [2.0]) == 0.0
    assert np.isnan(metric([1.0, float("nan"), 2.0], [1.0, 2.0, 3.0]))


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_size_of_the_numbers_does_not_matter(size):
    assert pearson([size, 2 * size, 3 * size], [1.0, 2.0, 3.0]) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", [pearson, spearman, mean_squared_error])
def test_nothing_to_score_is_a_sentence(metric):
    with pytest.raises(LangueError, match="nothing to score"):
        metric([], [])
    with pytest.raises(LangueError, match="there are 2 predictions for 1 examples"):
        metric([1.0, 2.0], [1.0])
