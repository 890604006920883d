"""Error rates as jiwer has them, after Whisper's own rules of what is written alike."""

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.english_normalizer import BasicTextNormalizer

from langue.errors import LangueError
from langue.metrics.speech import Edit, basic, edits, error_statistics, normalise, plain, speech_scores

TEXTS = [
    "Don’t  touch [noise] that — it’s 20% off!",
    "Straße, ÉCOLE (laughs) naïve; e\u0301te",
    "<unk> a_b $5.00 ½",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_basic_rules_are_whispers(text):
    assert basic(text) == BasicTextNormalizer()(text).strip()


@given(st.text(max_size=30))
def test_the_basic_rules_are_whispers_on_any_text(text):
    assert basic(text) == BasicTextNormalizer()(text).strip()


def test_english_is_written_in_one_way():
    assert normalise("Mr. Smith won't pay twenty-five dollars, colour!", "english") == (
        "mister smith will not pay $25 color"
    )


def test_plain_keeps_what_is_heard():
    assert plain("Press 1, or don’t — it’s “fine”.") == "press 1 or don't it's fine"


def test_rates_are_those_of_the_corpus():
    said = ["the cat sat", "a dog", "one two three four", ""]
    right = ["The cat sat.", "the dog ran", "one three", "nothing"]
    found = speech_scores(said, right)
    plain_said, plain_right = [basic(text) for text in said], [basic(text) for text in right]
    assert found["wer"] == pytest.approx(jiwer.wer(plain_right, plain_said))
    assert found["cer"] == pytest.approx(jiwer.cer(plain_right, plain_said))
    counts = error_statistics(said, right)["wer"]
    assert counts.tolist() == [[0, 3], [2, 3], [2, 2], [1, 1]]


def test_a_text_where_nothing_should_stand_counts_its_words():
    assert error_statistics(["two words", ""], ["!", "..."])["wer"].tolist() == [[2, 0], [0, 0]]
    assert speech_scores([""], ["…"])["wer"] == 0
    with pytest.raises(LangueError):
        speech_scores([], [])


def test_edits_tell_both_texts_apart_word_by_word():
    found = edits("the cat sat in a hat", "The cat, sat on the mat today.")
    assert [edit for edit in found if edit.kind == "same"] == [Edit("same", "the cat sat", "the cat sat")]
    assert " ".join(edit.expected for edit in found if edit.expected) == "the cat sat on the mat today"
    assert " ".join(edit.written for edit in found if edit.written) == "the cat sat in a hat"
    assert edits("", "all gone") == [Edit("other", "all gone", "")]
    assert edits("more", "!") == [Edit("other", "", "more")]
    assert edits("", "?") == []


def test_a_letter_counts_where_no_spaces_part_words():
    scores = speech_scores(["今天天气很好"], ["今天天气很坏"])
    assert scores["wer"] == scores["cer"] == pytest.approx(1 / 6)
    assert speech_scores(["나는 학교 간다"], ["나는 집에 간다"])["wer"] == pytest.approx(1 / 3)
    assert [edit.kind for edit in edits("今天好", "今天坏")] == ["same", "other"]


@pytest.mark.parametrize(
    ("said", "right", "rate"), [("", "", 0.0), ("a b", "", 1.0), ("", "[noise]", 0.0), ("", "a", 1.0)]
)
def test_nothing_to_be_said_is_a_mistake_only_where_something_was(said, right, rate):
    assert speech_scores([said], [right]) == {"wer": rate, "cer": rate}
    wrong = len(said.split()) + (right == "a")
    assert speech_scores([said, "a"], [right, "a"])["wer"] == wrong / (1 + (right == "a"))


def test_no_texts_have_no_score():
    with pytest.raises(LangueError, match="nothing to score"):
        speech_scores([], [])
