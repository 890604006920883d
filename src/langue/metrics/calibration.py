"""Calibration: the probabilities that a model gives, held against how often it is right."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

import numpy as np
from numpy.typing import ArrayLike

from langue.errors import LangueError
from langue.metrics.check import check_columns, check_numbers
from langue.settings import Settings

BINS = 10
"""Stretches of probability, all of one width, over which a reliability curve is drawn."""

LEAST_DIGITS, ALL_DIGITS = 4, 17
"""Digits of a threshold: as few as part the same answers, but so many at least."""


class ReliabilityBin(Settings):
    """The answers whose probability lies in one stretch."""

    low: float
    """Its lower end."""
    high: float
    """Its upper end, which belongs to it."""
    count: int
    """Answers in it."""
    confidence: float = 0.0
    """Their mean probability."""
    accuracy: float = 0.0
    """Share of right ones among them."""


class OperatingPoint(Settings):
    """A probability from which on answers are taken, and how good these are."""

    threshold: float
    """The probability, with few digits."""
    precision: float
    """Share of right ones among the answers that are taken."""
    recall: float
    """Share of all that is to be found that is found by them."""
    count: int
    """Answers that are taken."""


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> list[ReliabilityBin]:
    """The reliability curve (Guo et al. 2017, "On calibration of modern neural networks").

    Args:
        confidence: probability of each answer.
        right: whether each is right.
        bins: stretches of probability.

    Raises:
        LangueError: nothing to score, or columns of different lengths.
    """
    values, hits = _checked(confidence, right)
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.searchsorted(edges[1:-1], values)
    counts = np.bincount(place, minlength=bins)
    means, shares = (np.bincount(place, weight, bins) / np.maximum(1, counts) for weight in (values, hits))
    return [
        ReliabilityBin(low=low, high=high, count=count, confidence=mean, accuracy=share)
        for low, high, count, mean, share in zip(
            edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), means.tolist(), shares.tolist(), strict=True
        )
    ]


def expected_calibration_error(curve: Sequence[ReliabilityBin]) -> float:
    """The mean distance of probability and share of right answers, each stretch by the number of its answers."""
    total = sum(part.count for part in curve)
    return sum(abs(part.confidence - part.accuracy) * part.count for part in curve) / total


def brier(probabilities: ArrayLike, expected: ArrayLike) -> float:
    """The squared error of probabilities, summed over labels (Brier 1950); of two labels half of it, which is that of
    either one's probability, as scikit-learn has it.

    Args:
        probabilities: (n, labels) of each example.
        expected: number of each example's label.

    Raises:
        LangueError: nothing to score, or not one label for each example.
    """
    errors, right = check_numbers("probabilities", probabilities).copy(), np.asarray(expected)
    check_columns(errors, right)
    labels = errors.shape[1]
    errors[np.arange(len(errors)), right] -= 1.0
    return float((errors**2).sum(1).mean()) / (2 if labels == 2 else 1)


def operating_point(
    confidence: ArrayLike, right: ArrayLike, wanted: float, positives: int | None = None
) -> OperatingPoint | None:
    """The lowest probability from which on at least the wanted share of answers is right; None where no probability
    parts them so.

    Args:
        confidence: probability of each answer.
        right: whether each is right.
        wanted: precision, above 0 and at most 1.
        positives: how much there is to be found; all right answers, unless said.

    Raises:
        LangueError: no precision can be so, nothing to score, or columns of different lengths.
    """
    check_wanted(wanted)
    values, hits = _checked(confidence, right)
    order = np.argsort(-values, kind="stable")
    values, taken = values[order], np.cumsum(hits[order])
    # Answers of one probability are taken together.
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    good = ends[taken[ends] >= wanted * (ends + 1)]
    if not len(good):
        return None
    last = int(good[-1])
    below = float(values[last + 1]) if last + 1 < len(values) else -1.0
    caught = int(taken[last])
    whole = int(hits.sum()) if positives is None else positives
    return OperatingPoint(
        threshold=_cut(float(values[last]), below),
        precision=caught / (last + 1),
        recall=caught / whole,
        count=last + 1,
    )


def _cut(value: float, below: float) -> float:
    """A probability without its last digits, so that it can be typed, but still above the next one."""
    cuts = (
        float(Decimal(repr(value)).quantize(Decimal(10) ** -n, ROUND_DOWN)) for n in range(LEAST_DIGITS, ALL_DIGITS)
    )
    return next((cut for cut in cuts if cut > below), value)


def check_wanted(precision: float) -> None:
    """Refuse a precision that no threshold can be found for.

    Raises:
        LangueError: so it is.
    """
    if not 0 < precision <= 1:
        raise LangueError(f"a precision is a share above 0 and at most 1, such as 0.9, and not {precision:g}")


def _checked(confidence: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    values, hits = check_numbers("probabilities", confidence), np.asarray(right, np.float64)
    check_columns(values, hits)
    return values, hits
