"""Vectors of texts judged by what people say of the texts: graded pairs, duplicates, and groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from langue.errors import LangueError
from langue.extra import need
from langue.metrics.check import check_columns, check_numbers


class Threshold(NamedTuple):
    """Above which similarity pairs are best called duplicates, and how well that parts them from the others."""

    f1: float
    precision: float
    recall: float
    threshold: float


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) float64 cosines of the rows of two (N, D) arrays; 0 where a vector is all zeros.

    Raises:
        LangueError: there are no rows, or not as many in both.
    """
    check_columns(first, second)
    left, right = np.asarray(first, np.float64), np.asarray(second, np.float64)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.einsum("nd,nd->n", left, right) / np.where(lengths > 0, lengths, 1.0)


def average_precision(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """The mean precision over the steps of recall, as scikit-learn has it: equal scores are one step.

    Raises:
        LangueError: nothing to score, columns of different lengths, or no pair is positive. So does `best_f1`.
    """
    hits, taken, _ = _steps(scores, positive)
    recall = hits / hits[-1]
    return float(np.diff(recall, prepend=0.0) @ (hits / taken))


def best_f1(scores: Sequence[float], positive: Sequence[bool]) -> Threshold:
    """The best F1 that any threshold reaches; of thresholds that part the same pairs the middle one.

    Unlike sentence-transformers', it never parts pairs of equal score, which no threshold can.
    """
    hits, taken, values = _steps(scores, positive)
    f1 = 2 * hits / (taken + hits[-1])
    best = int(f1.argmax())
    below = values[min(best + 1, len(values) - 1)]
    middle = (values[best] + below) / 2
    # Of neighbouring numbers the middle is rounded to one of them, which must not be the lower.
    threshold = middle if middle > below else values[best]
    return Threshold(float(f1[best]), float(hits[best] / taken[best]), float(hits[best] / hits[-1]), float(threshold))


def _steps(scores: Sequence[float], positive: Sequence[bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each different score from the highest down: positives so far, pairs so far, and the score."""
    check_columns(scores, positive)
    values, truth = check_numbers("scores", scores), np.asarray(positive, bool)
    if not truth.any():
        raise LangueError("no pair is a duplicate, so that there is none to be found")
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    return np.cumsum(truth[order])[last].astype(np.float64), last + 1.0, values[order][last]


def v_measure(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """Agreement of groups with classes, whatever the groups are called (Rosenberg & Hirschberg 2007), from 0 to 1.

    The harmonic mean of homogeneity (a group holds one class) and completeness (a class lies in one group), by
    scikit-learn.

    Raises:
        LangueError: nothing to score, columns of different lengths, or scikit-learn is not installed.
    """
    check_columns(predicted, expected)
    return float(need("sklearn.metrics", "metrics", "judging groups").v_measure_score(expected, predicted))


def k_means(vectors: np.ndarray, groups: int, seed: int = 0) -> list[int]:
    """The group of each vector by scikit-learn's k-means: the best of ten beginnings.

    Args:
        vectors: (N, D).
        groups: how many there are to be, N at most.
        seed: the same one gives the same groups.

    Raises:
        LangueError: there are fewer vectors than groups, or scikit-learn is not installed.
    """
    if not 0 < groups <= len(vectors):
        raise LangueError(f"{len(vectors)} vectors do not make {groups} groups")
    check_numbers("numbers in vectors", vectors)
    library = need("sklearn.cluster", "metrics", "grouping vectors")
    return library.KMeans(groups, n_init=10, random_state=seed).fit_predict(vectors).tolist()
