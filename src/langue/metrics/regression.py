"""Regression: mean squared error, and the correlations of Pearson and Spearman."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from langue.metrics.check import check_columns


def mean_squared_error(predicted: Sequence[float], expected: Sequence[float]) -> float:
    """The mean of squared differences."""
    check_columns(predicted, expected)
    difference = np.asarray(predicted, dtype=np.float64) - np.asarray(expected, dtype=np.float64)
    return float(np.mean(difference**2))


def pearson(predicted: Sequence[float], expected: Sequence[float]) -> float:
    """Pearson's correlation, in [-1, 1].

    0 where a column is constant or holds one value: scipy gives NaN there, which would poison averages over a benchmark
    and choices between checkpoints, and a constant guess knows nothing of the order. NaN in a column gives NaN.
    """
    check_columns(predicted, expected)
    return _correlation(np.asarray(predicted, dtype=np.float64), np.asarray(expected, dtype=np.float64))


def spearman(predicted: Sequence[float], expected: Sequence[float]) -> float:
    """Spearman's correlation, in [-1, 1]: Pearson's of the ranks, ties sharing their mean; 0 as in `pearson`."""
    check_columns(predicted, expected)
    columns = np.asarray(predicted, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if any(np.isnan(column).any() for column in columns):
        return float("nan")
    return _correlation(ranks(columns[0]), ranks(columns[1]))


def ranks(values: np.ndarray) -> np.ndarray:
    """(N,) ranks from 1; equal values share the mean of the ranks they take up."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    # Asked of the values, not of the spread: the mean of equal values may differ from them in the last digit.
    if (left == left[0]).all() or (right == right[0]).all():
        return 0.0
    left, right = left - left.mean(), right - right.mean()
    # Scaled first, since the squares of very small or large deviations would leave the range of float64.
    left, right = left / np.abs(left).max(), right / np.abs(right).max()
    return float(np.clip(left @ right / np.sqrt((left @ left) * (right @ right)), -1.0, 1.0))
