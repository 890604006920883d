"""Words that have to stand in texts are asked for as they are written within one, whatever the tokenizer."""

from __future__ import annotations

import pytest

from langue.errors import LangueError
from langue.tasks.constraints import holds, phrase_tokens, prefix_tokens
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer


@pytest.fixture(params=["byte-bpe", "unigram", "wordpiece", "char", "byte"])
def tokenizer(request) -> Tokenizer:
    settings = TokenizerSettings(kind=request.param, vocab_size=300)
    return train_tokenizer(settings, ["das haus ist rot und das alte haus ist ein haus"] * 20)


def test_a_words_tokens_are_those_within_a_text(tokenizer):
    found = phrase_tokens(["haus", "alte haus"], 2, tokenizer)
    assert found is not None
    assert found[0] == found[1]
    for phrase, word in zip(found[0], ("haus", "alte haus"), strict=True):
        assert tokenizer.decode(phrase).strip() == word
        assert tokenizer.decode(phrase[:1]).strip()
    assert holds(tokenizer.encode("das alte haus ist"), found[0])
    assert not holds(tokenizer.encode("das alte rot"), found[0])


def test_each_text_may_be_asked_for_its_own(tokenizer):
    (first,), none, both = phrase_tokens([["haus"], [], ["rot", "haus"]], 3, tokenizer) or []
    assert none == []
    assert both[1] == first
    assert prefix_tokens(["das", ""], 2, tokenizer) == [tokenizer.encode("das"), []]
    assert phrase_tokens([[], []], 2, tokenizer) is None
    assert prefix_tokens("", 2, tokenizer) is None


def test_as_many_are_asked_for_as_there_are_texts(tokenizer):
    with pytest.raises(LangueError, match="there are 2 prefixes for 3 texts"):
        prefix_tokens(["a", "b"], 3, tokenizer)
    with pytest.raises(LangueError, match="there are 1 lists of words that must stand in them for 2 texts"):
        phrase_tokens([["haus"]], 2, tokenizer)
