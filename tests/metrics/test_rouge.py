"""ROUGE against Google's rouge-score, number for number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from langue.errors import LangueError
from langue.metrics.rouge import rouge, rouge_scores, rouge_statistics, words

NAMES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
PLAIN = RougeScorer(list(NAMES.values()))
STEMMED = RougeScorer(list(NAMES.values()), use_stemmer=True)

# Few words, so that there is much to share and many ways to share it.
TEXTS = st.lists(st.sampled_from(["a", "B", "cc", "d-d", "é", "\n", "relational", "relates", "4.5"]), max_size=25).map(
    " ".join
)


def assert_same(predicted, expected, reference, stem=None):
    found = rouge_scores(predicted, expected, stem)
    wanted = reference.score(expected, predicted)
    for kind, name in NAMES.items():
        assert tuple(found[kind]) == tuple(wanted[name]), (kind, predicted, expected)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_pairs_of_few_words(predicted, expected):
    assert_same(predicted, expected, PLAIN)
    assert_same(predicted, expected, STEMMED, PorterStemmer().stem)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_pairs_of_any_characters(predicted, expected):
    assert_same(predicted, expected, PLAIN)


def test_thousands_of_random_pairs():
    rng = np.random.default_rng(3)
    known = np.array([*"abcdefghij", "\n", "."])
    for _ in range(3000):
        predicted, expected = (" ".join(rng.choice(known, rng.integers(0, 22))) for _ in range(2))
        assert_same(predicted, expected, PLAIN)


def test_means_over_a_corpus():
    predicted, expected = ["the cat sat", "a b\nc", ""], ["the cat", "c\na b", "x"]
    found = rouge(predicted, expected)
    for kind, name in NAMES.items():
        scores = [PLAIN.score(right, guess)[name].fmeasure for guess, right in zip(predicted, expected, strict=True)]
        assert found[kind] == pytest.approx(np.mean(scores))
    assert rouge_statistics(predicted, expected).shape == (3, 4)


def test_columns_must_match():
    with pytest.raises(LangueError, match="2 predictions for 1 examples"):
        rouge(["a", "b"], ["a"])


def test_other_scripts_have_words_and_scripts_without_spaces_letters():
    assert rouge(["今天天气很好，我们去学校。"], ["今天天气很好，我们去公园。"])["rouge_1"] == pytest.approx(9 / 11)
    assert rouge(["кошка сидит на окне"], ["кошка сидела на окне"])["rouge_1"] == 0.75
    assert words("Häuser, naïve 2024", split="unicode") == ["häuser", "naïve", "2024"]
    assert words("हिन्दी भाषा", split="unicode") == ["हिन्दी", "भाषा"]
    assert words("日本語とEnglish", split="unicode") == ["日", "本", "語", "と", "english"]
    assert rouge(["Häuser"], ["Mäuser"])["rouge_1"] == 0.5  # as rouge-score, which sees "h" and "user"
    assert rouge(["Häuser"], ["Mäuser"], language="de")["rouge_1"] == 0.0
    assert rouge(["cats"], ["cats"], language="en_US")["rouge_1"] == 1.0
