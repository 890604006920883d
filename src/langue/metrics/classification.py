"""Classification: accuracy, F1 in its kinds, Matthews correlation, and their forms for several labels at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Literal

import numpy as np

from langue.metrics.check import check_columns
from langue.settings import Settings


def accuracy(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """The share of examples whose label is right."""
    check_columns(predicted, expected)
    return _right(predicted, expected) / len(expected)


def f1(predicted: Sequence[Hashable], expected: Sequence[Hashable], positive: Hashable) -> float:
    """Harmonic mean of the precision and recall of one label; 0 where the label is neither predicted nor expected."""
    check_columns(predicted, expected)
    return f1_sets([{label} for label in predicted], [{label} for label in expected], "macro", [positive])


def f1_macro(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """The plain mean of every label's F1, over the labels that are predicted or expected (as scikit-learn has it)."""
    check_columns(predicted, expected)
    return f1_sets([{label} for label in predicted], [{label} for label in expected], "macro")


def f1_micro(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """F1 of all labels' counts together; with one label an example, that is the accuracy."""
    return accuracy(predicted, expected)


def matthews(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """Matthews correlation, for any number of labels (R_K of Gorodkin 2004, "Comparing two K-category assignments").

    0 where predictions or truth are all of one label, as in scikit-learn and on GLUE's leaderboard.
    """
    check_columns(predicted, expected)
    table = confusion(predicted, expected, list(dict.fromkeys([*predicted, *expected]))).astype(np.float64)
    total, truths, guesses = table.sum(), table.sum(axis=1), table.sum(axis=0)
    spread = (total**2 - guesses @ guesses) * (total**2 - truths @ truths)
    return float((np.trace(table) * total - truths @ guesses) / np.sqrt(spread)) if spread > 0 else 0.0


def confusion(predicted: Sequence[Hashable], expected: Sequence[Hashable], labels: Sequence[Hashable]) -> np.ndarray:
    """(labels, labels) how many examples of a label, by row, were taken for which, by column."""
    number = {label: place for place, label in enumerate(labels)}
    table = np.zeros((len(number), len(number)), dtype=np.int64)
    np.add.at(table, ([number[label] for label in expected], [number[label] for label in predicted]), 1)
    return table


class LabelScore(Settings):
    """The scores of one label; each is 0 where nothing could be counted for it."""

    precision: float
    """Share of right ones among what was taken for it."""
    recall: float
    """Share of what has the label that was found."""
    f1: float
    """Their harmonic mean."""
    support: int
    """Examples that have the label."""


def label_scores(
    predicted: Sequence[Collection[Any]],
    expected: Sequence[Collection[Any]],
    labels: Sequence[str],
    label_of: Callable[[Any], str] = lambda item: item,
) -> dict[str, LabelScore]:
    """Precision, recall and F1 of each label.

    Args:
        predicted: each example's labels, or things that have one, such as entities.
        expected: the right ones.
        labels: those that are scored.
        label_of: gives the label of a thing.
    """
    check_columns(predicted, expected)
    pairs = [(set(guess), set(truth)) for guess, truth in zip(predicted, expected, strict=True)]
    right = Counter(label_of(item) for guess, truth in pairs for item in guess & truth)
    guessed, true = (Counter(label_of(item) for pair in pairs for item in pair[side]) for side in (0, 1))
    return {
        label: LabelScore(
            precision=right[label] / max(1, guessed[label]),
            recall=right[label] / max(1, true[label]),
            f1=_f1(right[label], guessed[label], true[label]),
            support=true[label],
        )
        for label in labels
    }


def same_sets(predicted: Sequence[Collection[Hashable]], expected: Sequence[Collection[Hashable]]) -> float:
    """Exact match of several labels an example: the share of examples with all of them and no other."""
    check_columns(predicted, expected)
    return _right([set(labels) for labels in predicted], [set(labels) for labels in expected]) / len(expected)


def f1_sets(
    predicted: Sequence[Collection[Hashable]],
    expected: Sequence[Collection[Hashable]],
    average: Literal["micro", "macro"],
    labels: Sequence[Hashable] | None = None,
) -> float:
    """F1 of several labels an example.

    Args:
        predicted: each example's labels.
        expected: the right ones.
        average: "micro" counts all labels together, "macro" takes the plain mean of every label's F1.
        labels: the labels of a macro mean; those that are predicted or expected, unless said.
    """
    check_columns(predicted, expected)
    pairs = [(set(guess), set(truth)) for guess, truth in zip(predicted, expected, strict=True)]
    right = Counter(label for guess, truth in pairs for label in guess & truth)
    guessed, true = (Counter(label for pair in pairs for label in pair[side]) for side in (0, 1))
    if average == "micro":
        return _f1(right.total(), guessed.total(), true.total())
    labels = list(guessed | true) if labels is None else labels
    scores = [_f1(right[label], guessed[label], true[label]) for label in labels]
    return sum(scores) / len(scores) if scores else 0.0


def _right(predicted: Sequence[object], expected: Sequence[object]) -> int:
    return sum(guess == truth for guess, truth in zip(predicted, expected, strict=True))


def _f1(right: int, predicted: int, expected: int) -> float:
    """From counts; 2·right / (predicted + expected) is the harmonic mean without its divisions by zero."""
    return 2 * right / (predicted + expected) if predicted + expected else 0.0
