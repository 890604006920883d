"""Every score of classification against scikit-learn's."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sklearn
from hypothesis import given
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.metrics import accuracy, f1, f1_macro, f1_micro, f1_sets, matthews, same_sets

LABELS = "abc"
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=30)
sets = st.lists(st.tuples(*[st.sets(st.sampled_from(LABELS))] * 2), min_size=1, max_size=20)


@given(pairs)
def test_single_labels_score_as_in_scikit_learn(rows):
    predicted, expected = zip(*rows, strict=True)
    assert accuracy(predicted, expected) == sklearn.accuracy_score(expected, predicted)
    binary = sklearn.f1_score([t == "a" for t in expected], [g == "a" for g in predicted], zero_division=0)
    assert f1(predicted, expected, "a") == pytest.approx(binary, abs=1e-12)
    for ours, average in ((f1_macro, "macro"), (f1_micro, "micro")):
        theirs = sklearn.f1_score(expected, predicted, average=average, zero_division=0)
        assert ours(predicted, expected) == pytest.approx(theirs, abs=1e-12)


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


@given(sets)
def test_several_labels_score_as_in_scikit_learn(rows):
    predicted, expected = zip(*rows, strict=True)
    guesses, truths = (np.array([[label in row for label in LABELS] for row in side]) for side in (predicted, expected))
    assert same_sets(predicted, expected) == sklearn.accuracy_score(truths, guesses)
    with warnings.catch_warnings(action="ignore"):
        for average in ("micro", "macro"):
            theirs = sklearn.f1_score(truths, guesses, average=average, zero_division=0)
            assert f1_sets(predicted, expected, average, LABELS) == pytest.approx(theirs, abs=1e-12)


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
