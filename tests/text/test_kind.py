"""The kind of a tokenizer is told by what it is made of."""

import pytest
from tokenizers import Tokenizer as Engine
from tokenizers import decoders, models, pre_tokenizers

from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.kind import describe, kind_of

TEXT = ["the cat sat on the mat and ran away from it all"] * 20


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece", "char", "byte"])
def test_those_that_are_trained_here(kind):
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=300), TEXT)
    assert kind_of(tokenizer) == kind
    assert describe(tokenizer) == f"{kind}, {tokenizer.vocab_size:,} tokens"


def test_those_of_other_people():
    pieces = Engine(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    pieces.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    pieces.add_special_tokens(["</s>"])
    assert kind_of(Tokenizer(pieces)) == "bpe"
    words = Engine(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens(["</s>"])
    assert kind_of(Tokenizer(words)) == "words"
