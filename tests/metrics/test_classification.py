"""Every score of classification against scikit-learn's."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sklearn
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.metrics.classification import (
    LabelScore,
    accuracy,
    confusion,
    f1,
    f1_macro,
    f1_micro,
    f1_sets,
    label_scores,
    matthews,
    same_sets,
)

LABELS = "abc"
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=30)
sets = st.lists(st.tuples(*[st.sets(st.sampled_from(LABELS))] * 2), min_size=1, max_size=20)


@settings(deadline=None)
@given(pairs)
def test_single_labels_score_as_in_scikit_learn(rows):
    predicted, expected = zip(*rows, strict=True)
    assert accuracy(predicted, expected) == sklearn.accuracy_score(expected, predicted)
    binary = sklearn.f1_score([t == "a" for t in expected], [g == "a" for g in predicted], zero_division=0)
    assert f1(predicted, expected, "a") == pytest.approx(binary, abs=1e-12)
    for ours, average in ((f1_macro, "macro"), (f1_micro, "micro")):
        theirs = sklearn.f1_score(expected, predicted, average=average, zero_division=0)
        assert ours(predicted, expected) == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None)
@given(pairs)
def test_matthews_is_scikit_learns(rows):
    predicted, expected = zip(*rows, strict=True)
    with warnings.catch_warnings(action="ignore"):
        theirs = sklearn.matthews_corrcoef(expected, predicted)
    assert matthews(predicted, expected) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("predicted", "expected"), [("aaaa", "abab"), ("abab", "aaaa"), ("a", "a")])
def test_matthews_of_one_label_is_zero(predicted, expected):
    assert matthews(predicted, expected) == 0.0


def test_matthews_knows_better_than_chance_from_worse():
    assert matthews("abab", "abab") == 1.0
    assert matthews("baba", "abab") == -1.0


@settings(deadline=None)
@given(sets)
def test_several_labels_score_as_in_scikit_learn(rows):
    predicted, expected = zip(*rows, strict=True)
    guesses, truths = (np.array([[label in row for label in LABELS] for row in side]) for side in (predicted, expected))
    assert same_sets(predicted, expected) == sklearn.accuracy_score(truths, guesses)
    with warnings.catch_warnings(action="ignore"):
        for average in ("micro", "macro"):
            theirs = sklearn.f1_score(truths, guesses, average=average, zero_division=0)
            assert f1_sets(predicted, expected, average, LABELS) == pytest.approx(theirs, abs=1e-12)


def table(scores):
    return [[score.precision, score.recall, score.f1, score.support] for score in map(scores.get, LABELS)]


@settings(deadline=None)
@given(pairs)
def test_confusion_and_scores_by_label_are_scikit_learns(rows):
    predicted, expected = zip(*rows, strict=True)
    theirs = sklearn.confusion_matrix(expected, predicted, labels=list(LABELS))
    assert confusion(predicted, expected, LABELS).tolist() == theirs.tolist()
    ours = label_scores([{label} for label in predicted], [{label} for label in expected], LABELS)
    columns = sklearn.precision_recall_fscore_support(expected, predicted, labels=list(LABELS), zero_division=0)
    np.testing.assert_allclose(table(ours), np.transpose(columns), atol=1e-12)


@settings(deadline=None)
@given(sets)
def test_scores_by_label_of_several_are_scikit_learns(rows):
    predicted, expected = zip(*rows, strict=True)
    guesses, truths = (np.array([[label in row for label in LABELS] for row in side]) for side in (predicted, expected))
    columns = sklearn.precision_recall_fscore_support(truths, guesses, average=None, zero_division=0)
    ours = label_scores(predicted, expected, LABELS)
    np.testing.assert_allclose(table(ours), np.transpose(columns), atol=1e-12)


def test_scores_of_entities_are_counted_by_their_kind():
    predicted, expected = [{("A", 0, 1), ("B", 2, 4)}], [{("A", 0, 2), ("B", 2, 4), ("B", 5, 6)}]
    ours = label_scores(predicted, expected, "AB", lambda entity: entity[0])
    assert ours["A"] == LabelScore(precision=0.0, recall=0.0, f1=0.0, support=1)
    assert ours["B"] == LabelScore(precision=1.0, recall=0.5, f1=2 / 3, support=2)


def test_labels_of_a_macro_mean_are_those_that_occur():
    assert f1_sets([["a"], []], [["a"], []], "macro") == 1.0
    assert f1_sets([["a"], []], [["a"], []], "macro", "ab") == 0.5
    assert f1_sets([[], []], [[], []], "macro") == 0.0


@pytest.mark.parametrize("metric", [accuracy, f1_macro, f1_micro, matthews, same_sets])
def test_nothing_to_score_is_a_sentence(metric):
    with pytest.raises(LangueError, match="nothing to score"):
        metric([], [])
    with pytest.raises(LangueError, match="there are 1 predictions for 2 examples"):
        metric(["a"], ["a", "b"])
