"""Tokens as people see them: half a character is shown by its bytes."""

import pytest

from langue.text import TokenizerSettings, train_tokenizer

TEXT = "Öffnen Sie die Datei 日本 😀 für uns.\n"


@pytest.mark.parametrize("kind", ["byte", "byte-bpe"])
def test_every_byte_of_a_broken_character_is_named(kind: str) -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=262), [TEXT])
    names = tokenizer.names(tokenizer.encode("Ö 😀a"))
    assert names == ["<0xC3>", "<0x96>", " ", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "a"]


def test_whole_characters_are_themselves() -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [TEXT])
    assert tokenizer.names(tokenizer.encode("Öf 日")) == ["Ö", "f", " ", "日"]


def test_a_replacement_character_in_the_text_stays_one() -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["a\N{REPLACEMENT CHARACTER}b"])
    assert tokenizer.names(tokenizer.encode("a\N{REPLACEMENT CHARACTER}")) == ["a", "\N{REPLACEMENT CHARACTER}"]


def test_bytes_beside_whole_characters() -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), ["xÖ " * 50 + "xß " * 50])
    for token in range(tokenizer.vocab_size):
        assert "\N{REPLACEMENT CHARACTER}" not in tokenizer.names([token])[0]
