"""Fertility: counted by hand."""

import pytest

from langue.text import TokenizerSettings, train_tokenizer
from langue.text.fertility import fertility


def test_counts_are_those_of_the_texts():
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["abc de\n"])
    ascii_row, other = fertility(tokenizer, {"ascii": iter(["abc de", "abc"]), "other": ["ä b"]})
    assert (ascii_row.name, ascii_row.words, ascii_row.bytes, ascii_row.tokens, ascii_row.unknown) == (
        "ascii",
        3,
        9,
        9,
        0,
    )
    assert (other.words, other.bytes, other.tokens, other.unknown) == (2, 4, 3, 1)
    assert ascii_row.tokens_per_word == 3.0
    assert other.bytes_per_token == pytest.approx(4 / 3)
    assert other.as_dict()["tokens_per_word"] == 1.5


def test_an_empty_text_divides_by_nothing():
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    (row,) = fertility(tokenizer, {"empty": []})
    assert (row.tokens_per_word, row.bytes_per_token) == (0.0, 0.0)
