"""Tests of whether a difference between two systems is more than luck: bootstrap intervals and paired tests.

A corpus score is a function of sums over sentences, so each resample sums what was counted once and never looks at a
text again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from langue.errors import LangueError
from langue.metrics.check import check_numbers
from langue.randomness import numpy_generator

Score = Callable[[np.ndarray], float]
"""(k,) sums over the sentences of a corpus → its score."""

_CHUNK = 2**22
"""Numbers that are drawn at once: 32 MiB of them."""


@dataclass(frozen=True)
class Interval:
    """A score, and between what bounds it would lie on other sentences of the same kind."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The difference by which the second of two systems is better.

    Attributes:
        first: score of the first.
        second: score of the second.
        difference: second − first.
        low: lower bound of the difference on other sentences of the same kind.
        high: upper bound.
        p: how likely a difference at least as large would be if the systems were equally good.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def mean_of(sums: np.ndarray) -> float:
    """The score of statistics (value, 1): the mean of the values."""
    return float(sums[0] / sums[1])


def as_mean(values: np.ndarray) -> np.ndarray:
    """(n, 2) statistics of values (n,) whose mean is the score."""
    return np.stack([values, np.ones_like(values)], 1)


def bootstrap(
    statistics: np.ndarray, score: Score, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile interval of a score over resampled sentences (Efron 1979; Koehn 2004 for BLEU).

    Args:
        statistics: (sentences, k), what the score is a function of when summed.
        score: from sums to a score.
        samples: resamples.
        level: share of resamples inside the interval.
        seed: the same seed gives the same interval.

    Raises:
        LangueError: no sentence.
    """
    _check(statistics, samples=samples)
    scores = np.array([score(sums) for sums in _resampled(statistics, samples, seed)])
    low, high = _bounds(scores, level)
    return Interval(score(statistics.sum(0)), low, high)


class CorpusStatistics(NamedTuple):
    """The texts of a corpus as several metrics count them: scores, their intervals and tests follow from that alone.

    Attributes:
        counts: by metric (texts, k), and how their sum becomes a score.
        signatures: how was counted, by metric, where there are several ways.
    """

    counts: Mapping[str, tuple[np.ndarray, Score]]
    signatures: Mapping[str, str] = MappingProxyType({})

    def scores(self) -> dict[str, float]:
        """The score of all texts, by metric."""
        return {name: score(counts.sum(0)) for name, (counts, score) in self.counts.items()}

    def intervals(self) -> dict[str, list[float]]:
        """The bounds of 95 % of each score."""
        bounds = {name: bootstrap(counts, score) for name, (counts, score) in self.counts.items()}
        return {name: [interval.low, interval.high] for name, interval in bounds.items()}


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, score: Score, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Difference:
    """Koehn's (2004) paired bootstrap: both systems are scored on the same resampled sentences.

    p is the share of resamples whose difference lies at least as far from their mean as the real one lies from 0
    (Riezler & Maxwell 2005), with one added to both counts, as in sacreBLEU.

    Args:
        first: (sentences, k) statistics of the first system.
        second: those of the second on the same sentences.
        score: and the others as of `bootstrap`.

    Raises:
        LangueError: no sentence, or not the same number for both.
    """
    _check(first, second, samples=samples)
    both = np.concatenate([first, second], 1)
    size = first.shape[1]
    differences = np.array([score(sums[size:]) - score(sums[:size]) for sums in _resampled(both, samples, seed)])
    return _difference(first, second, score, differences, differences - differences.mean(), level)


def approximate_randomization(
    first: np.ndarray, second: np.ndarray, score: Score, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Difference:
    """Each sentence's two outputs change places or not, by a coin (Riezler & Maxwell 2005, section 4).

    It asks nothing of how scores are distributed and is the stricter of the two tests. p is the share of shuffles with
    a difference at least as large as the real one, one added to both counts; the interval is the paired bootstrap's.

    Raises:
        LangueError: no sentence, or not the same number for both.
    """
    _check(first, second, samples=samples)
    rng = numpy_generator(seed, "shuffle")
    apart = second - first
    middle = (first + second).sum(0)
    shuffled = []
    for count in _chunks(samples, len(first)):
        signs = rng.integers(0, 2, (count, len(first)), dtype=np.int8) * 2.0 - 1.0
        for moved in signs @ apart:
            shuffled.append(score((middle + moved) / 2) - score((middle - moved) / 2))
    interval = paired_bootstrap(first, second, score, samples=samples, level=level, seed=seed)
    tested = _difference(first, second, score, np.array(shuffled), np.array(shuffled), level)
    return replace(interval, p=tested.p)


def _difference(
    first: np.ndarray, second: np.ndarray, score: Score, seen: np.ndarray, under_null: np.ndarray, level: float
) -> Difference:
    a, b = score(first.sum(0)), score(second.sum(0))
    # A system against itself differs by nothing, which is not luck's doing: differences as large count, if only by
    # rounding.
    extreme = int((np.abs(under_null) >= abs(b - a) - 1e-12).sum())
    low, high = _bounds(seen, level)
    return Difference(a, b, b - a, low, high, (extreme + 1) / (len(under_null) + 1))


def _resampled(statistics: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """(samples, k) sums over as many sentences, drawn with replacement."""
    rng = numpy_generator(seed, "bootstrap")
    count = len(statistics)
    sums = []
    for size in _chunks(samples, count):
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        sums.append(times @ statistics.astype(np.float64))
    return np.concatenate(sums)


def _chunks(samples: int, count: int) -> list[int]:
    size = max(1, _CHUNK // count)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _bounds(scores: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _check(*statistics: np.ndarray, samples: int) -> None:
    if samples < 1:
        raise LangueError(f"samples must be at least 1, not {samples}")
    for system in statistics:
        check_numbers("counts", system)
    sizes = [len(system) for system in statistics]
    if not sizes[0]:
        raise LangueError("there is nothing to test: no sentences")
    if len(set(sizes)) > 1:
        raise LangueError(f"the systems have {sizes[0]} and {sizes[1]} outputs; a paired test wants the same sentences")
