"""Words of a Whisper's text: split and joined as Transformers does it, timed within what was heard."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken
from transformers.models.whisper import tokenization_whisper as theirs

from langue.tasks.transcribe.word_times import (
    LEADING,
    TRAILING,
    TimedWord,
    joined,
    settled,
    shortened,
    split_words,
    usual_length,
)
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.whisper_tokens import WhisperTokens

TEXTS = [
    ' "Hello," she said - twice. (Really?) ¿Qué? It cost 3.50, no more…',
    " l'été, ça va? naïve “quoted” words",
    "日本語のテキスト。",
    " a  b",
    " x",
]


@pytest.fixture(scope="module")
def told() -> WhisperTokens:
    engine = train_tokenizer(TokenizerSettings(kind="byte"), [""]).engine
    names = ("endoftext", "startoftranscript", "en", "ja", "translate", "transcribe", "notimestamps")
    engine.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    return WhisperTokens(Tokenizer(engine, {"eos_token": "<|endoftext|>"}), 0)


class Theirs:
    """As much of a tokenizer as Transformers' functions ask for."""

    def __init__(self, told: WhisperTokens):
        self.eos_token_id, self.told = told.end, told

    def decode(self, tokens: list[int], **options: object) -> str:
        return self.told.text(tokens)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_of_transformers(told: WhisperTokens, text: str, language: str) -> None:
    tokens = told.tokenizer.encode(text)
    name = {"en": "english", "ja": "japanese"}[language]
    words, _, places = theirs._combine_tokens_into_words(Theirs(told), tokens, name, LEADING, TRAILING)
    found = split_words(told, tokens, language)
    assert [token for _, part in found for token in part] == tokens
    timed, place = [], 0
    for word, part in found:
        timed.append(TimedWord(word, place, place, place + len(part), 1.0))
        place += len(part)
    merged = joined(timed)
    assert [word.text for word in merged] == words
    assert [word.place for word in merged] == [part[0] for part in places]


def word(text: str, start: float, end: float) -> TimedWord:
    return TimedWord(text, 0, start, end, 1.0)


def times(words: list[TimedWord]) -> list[float]:
    return [time for each in words for time in (each.start, each.end)]


def test_pauses_belong_to_no_word() -> None:
    words = [word(" one", 0.0, 0.3), word(".", 0.3, 2.0), word(" two", 2.0, 5.0), word(" three", 5.0, 5.3)]
    assert usual_length([word("a", 0, 0.2), word("b", 1, 1), word("c", 1, 1.4)]) == pytest.approx(0.3)
    assert usual_length([]) == 0
    assert usual_length([word("a", 0, 9)]) == 0.7
    found = shortened(words, 0.6)
    assert times(found) == pytest.approx([0.0, 0.3, 0.3, 0.9, 4.4, 5.0, 5.0, 5.3])


@pytest.mark.parametrize(
    ("given", "segment", "expected", "segment_then"),
    [
        ([(1.0, 1.3), (1.3, 1.6)], (0.9, 1.8), [(1.0, 1.3), (1.3, 1.6)], (1.0, 1.6)),  # words count
        ([(0.0, 3.0), (3.0, 3.3)], (2.6, 3.3), [(2.4, 3.0), (3.0, 3.3)], (2.4, 3.3)),  # a pause before the first
        ([(0.0, 2.0), (2.0, 5.0)], (0.0, 5.0), [(3.8, 4.4), (4.4, 5.0)], (3.8, 5.0)),  # and before the second
        ([(0.5, 0.8), (0.8, 4.0)], (0.5, 2.0), [(0.5, 0.8), (0.8, 2.0)], (0.5, 2.0)),  # a pause after the last
        ([], (1.0, 2.0), [], (1.0, 2.0)),
    ],
)
def test_a_segment_and_its_words_agree(given: list, segment: tuple, expected: list, segment_then: tuple) -> None:
    found, *told = settled([word("a", *each) for each in given], *segment, spoken=0.0, usual=0.3)
    assert times(found) == pytest.approx([time for each in expected for time in each])
    assert told == pytest.approx(list(segment_then))
