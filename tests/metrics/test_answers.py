"""Answers against the rules of the official scripts of SQuAD, ReCoRD and MultiRC, by hand and by search."""

import re
import string
from collections import Counter

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.metrics.answers import (
    best_threshold,
    exact_match,
    multirc,
    normalize_answer,
    record,
    squad_v1,
    squad_v2,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Eiffel\tTower!", "eiffel tower"),
        ("a.k.a. An apple a day", "aka apple day"),
        ("the-end", "theend"),  # the hyphen goes first, so no article is left to drop
        ("Théâtre the théâtre", "théâtre théâtre"),
        ("“an” – a", "“ ” –"),  # punctuation beyond ASCII stays
        ("U.S.", "us"),
        ("ÀÉÎ", "àéî"),
        ("the", ""),
        ("theatre, another, ant", "theatre another ant"),
        ("non\u00a0breaking", "non breaking"),
        ("", ""),
    ],
)
def test_normal_form(text, normal):
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("predicted", "golds", "exact", "words"),
    [
        ("the Norman dynasty", ["Norman dynasty", "Normans"], 1.0, 1.0),
        ("Norman", ["the Norman dynasty", "England"], 0.0, 2 / 3),
        ("England and Norman", ["Norman dynasty", "England"], 0.0, 1 / 2),
        ("no no no", ["no no"], 0.0, 4 / 5),  # words count as often as they stand
        ("", ["Norman"], 0.0, 0.0),
        ("the", ["a"], 1.0, 0.0),  # SQuAD 1.1's script: equal when normal, yet no word is shared
    ],
)
def test_one_answer_by_hand(predicted, golds, exact, words):
    assert exact_match(predicted, golds) == exact
    assert token_f1(predicted, golds) == pytest.approx(words)


def official(prediction: str, gold: str, version: int) -> tuple[float, float]:
    """Exact match and F1 of one answer and one gold, by the rules that SQuAD's scripts of both versions follow."""

    def normal(text):
        text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    guess, truth = normal(prediction).split(), normal(gold).split()
    exact = float(normal(prediction) == normal(gold))
    if version == 2 and (not guess or not truth):
        return exact, float(guess == truth)
    same = sum((Counter(guess) & Counter(truth)).values())
    if same == 0:
        return exact, 0.0
    precision, recall = same / len(guess), same / len(truth)
    return exact, 2 * precision * recall / (precision + recall)


words = st.lists(st.sampled_from(["the", "a", "Paris", "paris", "U.S.", "—", "9", "été", "-"]), max_size=4).map(
    " ".join
)


@given(st.lists(st.tuples(words, st.lists(words, min_size=1, max_size=3)), min_size=1, max_size=8))
def test_squad_1_is_the_mean_of_the_best(rows):
    predicted, golds = zip(*rows, strict=True)
    scores = [[official(guess, gold, 1) for gold in gold_list] for guess, gold_list in rows]
    result = squad_v1(predicted, golds)
    assert result["exact_match"] == pytest.approx(np.mean([max(exact for exact, _ in row) for row in scores]))
    assert result["f1"] == pytest.approx(np.mean([max(f1 for _, f1 in row) for row in scores]))
    assert record(predicted, golds) == result


def official_v2(predicted, golds, no_answer, threshold):
    raw = []
    for guess, gold_list in zip(predicted, golds, strict=True):
        real = [gold for gold in gold_list if normalize_answer(gold)] or [""]
        raw.append(tuple(max(scores) for scores in zip(*(official(guess, gold, 2) for gold in real), strict=True)))
    silent = [sure > threshold for sure in no_answer]
    return [(float(not gold),) * 2 if quiet else scores for scores, gold, quiet in zip(raw, golds, silent, strict=True)]


questions = st.lists(
    st.tuples(words, st.lists(words, max_size=2), st.integers(0, 4).map(lambda part: part / 4)), min_size=1, max_size=8
)


@given(questions, st.sampled_from([-1.0, 0.0, 0.3, 0.5, 1.0]))
def test_squad_2_and_its_two_halves(rows, threshold):
    predicted, golds, no_answer = zip(*rows, strict=True)
    scores = official_v2(predicted, golds, no_answer, threshold)
    result = squad_v2(predicted, golds, no_answer, threshold)
    for prefix, chosen in {
        "": [True] * len(golds),
        "has_answer_": [bool(gold) for gold in golds],
        "no_answer_": [not gold for gold in golds],
    }.items():
        kept = [row for row, wanted in zip(scores, chosen, strict=True) if wanted]
        assert (f"{prefix}f1" in result) == bool(kept)
        for name, column in (("exact_match", 0), ("f1", 1)):
            if kept:
                assert result[prefix + name] == pytest.approx(np.mean([row[column] for row in kept]))


def test_squad_2_by_hand():
    result = squad_v2(["Paris", "", "Rome", ""], [["Paris"], [], [], ["the Seine"]])
    assert result == {
        "exact_match": 0.5,
        "f1": 0.5,
        "has_answer_exact_match": 0.5,
        "has_answer_f1": 0.5,
        "no_answer_exact_match": 0.5,
        "no_answer_f1": 0.5,
    }


@given(questions)
def test_no_other_threshold_is_better(rows):
    predicted, golds, no_answer = zip(*rows, strict=True)
    best = best_threshold(predicted, golds, no_answer)
    for name in ("exact_match", "f1"):
        every = [squad_v2(predicted, golds, no_answer, threshold)[name] for threshold in (-1, *no_answer)]
        assert best[f"best_{name}"] == pytest.approx(max(every))
        reached = squad_v2(predicted, golds, no_answer, best[f"best_{name}_threshold"])[name]
        assert reached == pytest.approx(best[f"best_{name}"])


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), min_size=1, max_size=20))
def test_multirc_is_f1_of_options_and_match_of_questions(rows):
    predicted, expected, groups = zip(*rows, strict=True)
    result = multirc(predicted, expected, groups, True)
    assert result["f1"] == pytest.approx(sklearn.metrics.f1_score(expected, predicted, zero_division=0))
    whole = [all(guess == truth for guess, truth, other in rows if other == group) for group in sorted(set(groups))]
    assert result["exact_match"] == np.mean(whole)


def test_nothing_to_score_is_a_sentence():
    for empty in (lambda: squad_v1([], []), lambda: squad_v2([], []), lambda: multirc([], [], [], 1)):
        with pytest.raises(LangueError, match="nothing to score"):
            empty()
    with pytest.raises(LangueError, match="no gold answer"):
        squad_v1(["x"], [[]])
    with pytest.raises(LangueError, match="1 predictions for 2 examples"):
        best_threshold(["x", "y"], [[], []], [0.5])
