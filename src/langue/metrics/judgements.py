"""Answers that are labels, held against the right ones: all that can be said of them label by label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from langue.metrics.calibration import (
    OperatingPoint,
    ReliabilityBin,
    brier,
    expected_calibration_error,
    operating_point,
    reliability,
)
from langue.metrics.classification import LabelScore, confusion, label_scores
from langue.metrics.spans import Span, spans
from langue.settings import Settings


class Candidates(NamedTuple):
    """Answers that a threshold lets through or not.

    Attributes:
        confidence: (n,) probability of each.
        right: (n,) whether each is right.
        positives: how much there is to be found.
    """

    confidence: np.ndarray
    right: np.ndarray
    positives: int


class Confusion(Settings):
    """Labels, and how many examples of each were taken for which."""

    labels: tuple[str, ...]
    """All of them."""
    counts: tuple[tuple[int, ...], ...]
    """Examples of a label, by row, that were taken for which, by column."""


class Calibration(Settings):
    """The trust that probabilities deserve."""

    expected_calibration_error: float
    """Mean distance of a probability and the share of right answers that have such."""
    brier: float
    """Squared error of probabilities."""
    bins: tuple[ReliabilityBin, ...]
    """The reliability curve."""


class Thresholds(Settings):
    """The lowest probabilities from which on answers are right as often as is wanted; null where none is."""

    precision: float
    """The share of right answers that is wanted."""
    all: OperatingPoint | None
    """That of all labels together."""
    labels: dict[str, OperatingPoint | None]
    """That of each label."""


class Judging(Settings):
    """All that can be said of answers to labelled rows, beside their metrics."""

    labels: dict[str, LabelScore]
    """The scores of each label, or of each kind of entities."""
    confusion: Confusion | None
    """Mistakes by label; null where a row may have several."""
    calibration: Calibration
    """Probabilities, held against how often they are right."""
    thresholds: Thresholds | None
    """Null where no precision was asked for."""


@dataclass(frozen=True)
class Judgements:
    """Answers to rows, and the probabilities behind them.

    Attributes:
        labels: those that are scored: of texts, of words, or the kinds of entities.
        predicted: what was answered to each row: things that begin with a label, such as `(label,)` of a text,
            `(label, word)`, or an entity's `(kind, first word, word after its last)`.
        expected: the right ones, in the same form.
        calibrated: answers by which it is told how far probabilities can be trusted.
        brier: squared error of all probabilities.
        confusion: of whatever has exactly one label.
        taken: answers from which a threshold for all labels chooses.
        by_label: the same of each label.
    """

    labels: tuple[str, ...]
    predicted: Sequence[Collection[Any]]
    expected: Sequence[Collection[Any]]
    calibrated: Candidates
    brier: float
    confusion: Confusion | None
    taken: Candidates
    by_label: Mapping[str, Candidates] = field(default_factory=dict)

    def result(self, precision: float | None = None) -> Judging:
        """All that can be said of them.

        Args:
            precision: share of right answers for which thresholds are looked for.

        Raises:
            LangueError: no precision can be so.
        """
        curve = reliability(self.calibrated.confidence, self.calibrated.right)
        error = expected_calibration_error(curve)
        return Judging(
            labels=label_scores(self.predicted, self.expected, self.labels, itemgetter(0)) if self.labels else {},
            confusion=self.confusion,
            calibration=Calibration(expected_calibration_error=error, brier=self.brier, bins=tuple(curve)),
            thresholds=None if precision is None else self._thresholds(precision),
        )

    def _thresholds(self, precision: float) -> Thresholds:
        alone = {label: _point(candidates, precision) for label, candidates in self.by_label.items()}
        return Thresholds(precision=precision, all=_point(self.taken, precision), labels=alone)


def _point(candidates: Candidates, precision: float) -> OperatingPoint | None:
    if not len(candidates.confidence):
        return None
    return operating_point(candidates.confidence, candidates.right, precision, candidates.positives)


def judged_labels(labels: Sequence[str], probabilities: np.ndarray, expected: np.ndarray) -> Judgements:
    """Judgements of texts that have one label each.

    Args:
        labels: all of them.
        probabilities: (n, labels).
        expected: (n,) numbers of labels.
    """
    predicted = probabilities.argmax(1)
    likeliest = Candidates(probabilities.max(1), predicted == expected, len(expected))
    return Judgements(
        tuple(labels),
        [{(labels[number],)} for number in predicted],
        [{(labels[number],)} for number in expected],
        likeliest,
        brier(probabilities, expected),
        _confusion(labels, predicted, expected),
        likeliest,
        _by_label(labels, probabilities, expected[:, None] == np.arange(len(labels))),
    )


def judged_sets(labels: Sequence[str], probabilities: np.ndarray, expected: np.ndarray, threshold: float) -> Judgements:
    """Judgements of texts that have any number of labels.

    Args:
        labels: all of them.
        probabilities: (n, labels) of each label by itself.
        expected: (n, labels) bool.
        threshold: probability from which on a text has a label.
    """
    cells = Candidates(probabilities.ravel(), expected.ravel(), int(expected.sum()))
    return Judgements(
        tuple(labels),
        [_set(labels, row) for row in probabilities >= threshold],
        [_set(labels, row) for row in expected],
        cells,
        float(((probabilities - expected) ** 2).mean()),
        None,
        cells,
        _by_label(labels, probabilities, expected),
    )


def judged_choices(probabilities: Sequence[np.ndarray], expected: Sequence[int]) -> Judgements:
    """Judgements of rows that have choices of their own, which are no labels.

    Args:
        probabilities: (choices,) of each row.
        expected: index of the right one.
    """
    table = np.zeros((len(probabilities), max(map(len, probabilities), default=0)))
    for row, shares in zip(table, probabilities, strict=True):
        row[: len(shares)] = shares
    right = table.argmax(1) == np.asarray(expected)
    chosen = Candidates(table.max(1), right, len(right))
    return Judgements((), [], [], chosen, brier(table, expected), None, chosen)


def judged_words(
    labels: Sequence[str], probabilities: Sequence[np.ndarray], expected: Sequence[Sequence[int]]
) -> Judgements:
    """Judgements of the words of texts that have one label each.

    Args:
        labels: all of them.
        probabilities: (words, labels) of each text.
        expected: numbers of each text's labels.
    """
    table, right = np.concatenate(list(probabilities)), np.concatenate([np.asarray(row, np.int64) for row in expected])
    answers, truths = (_words(labels, side) for side in ([row.argmax(1) for row in probabilities], expected))
    return replace(judged_labels(labels, table, right), predicted=answers, expected=truths)


def judged_entities(
    labels: Sequence[str], probabilities: Sequence[np.ndarray], expected: Sequence[Sequence[int]]
) -> Judgements:
    """Judgements of texts whose words have labels O, B-KIND and I-KIND: scores are of whole entities, whose probability
    is the least of their words'; confusion and calibration are of words.

    Args:
        labels: all of them.
        probabilities: (words, labels) of each text.
        expected: numbers of each text's labels.
    """
    words = judged_words(labels, probabilities, expected)
    guesses = [spans([labels[n] for n in row.argmax(1)]) for row in probabilities]
    truths = [spans([labels[n] for n in row]) for row in expected]
    kinds = tuple(dict.fromkeys(label.partition("-")[2] for label in labels if label != "O"))
    rows = list(zip(guesses, truths, probabilities, strict=True))
    answers = [
        (entity[0], _least(row, entity), entity in right) for some, right, row in rows for entity in sorted(some)
    ]
    positives = [entity[0] for some in truths for entity in some]
    return replace(
        words,
        labels=kinds,
        predicted=guesses,
        expected=truths,
        taken=_entities(answers, len(positives)),
        by_label={
            kind: _entities([answer for answer in answers if answer[0] == kind], positives.count(kind))
            for kind in kinds
        },
    )


def _words(labels: Sequence[str], rows: Sequence[Any]) -> list[set[tuple[str, int]]]:
    """The labels of words, each with its word's number."""
    return [{(labels[number], word) for word, number in enumerate(row)} for row in rows]


def _least(probabilities: np.ndarray, entity: Span) -> float:
    """The least probability of an entity's labels."""
    _, first, end = entity
    return float(probabilities[first:end].max(1).min())


def _entities(answers: Sequence[tuple[str, float, bool]], positives: int) -> Candidates:
    return Candidates(
        np.array([share for _, share, _ in answers], np.float64),
        np.array([is_right for _, _, is_right in answers], bool),
        positives,
    )


def _by_label(labels: Sequence[str], probabilities: np.ndarray, has: np.ndarray) -> dict[str, Candidates]:
    return {
        label: Candidates(probabilities[:, number], has[:, number], int(has[:, number].sum()))
        for number, label in enumerate(labels)
    }


def _confusion(labels: Sequence[str], predicted: np.ndarray, expected: np.ndarray) -> Confusion:
    counts = confusion(predicted.tolist(), expected.tolist(), range(len(labels)))
    return Confusion(labels=tuple(labels), counts=tuple(map(tuple, counts.tolist())))


def _set(labels: Sequence[str], row: np.ndarray) -> set[tuple[str]]:
    return {(label,) for label, there in zip(labels, row, strict=True) if there}
