"""The kind of a tokenizer, as it is and not as settings say, for those that were not trained here."""

from __future__ import annotations

from langue.text.hostile import steps
from langue.text.tokenizer import Tokenizer

BYTES = 256


def kind_of(tokenizer: Tokenizer) -> str:
    """`byte-bpe`, `byte`, `unigram`, `wordpiece` or `char` as in settings; `bpe` and `words` of other people's."""
    engine = tokenizer.engine
    kind = type(engine.model).__name__
    if kind == "BPE":
        added = set(engine.get_added_tokens_decoder())
        learnt = set(engine.get_vocab(with_added_tokens=False).values()) - added
        if "ByteLevel" not in _types(engine.decoder):
            return "bpe"
        return "byte" if len(learnt) <= BYTES else "byte-bpe"
    if kind == "WordLevel":
        return "char" if "Split" in _types(engine.pre_tokenizer) else "words"
    return kind.lower()


def describe(tokenizer: Tokenizer) -> str:
    """Kind and size: "wordpiece, 30,522 tokens"."""
    return f"{kind_of(tokenizer)}, {tokenizer.vocab_size:,} tokens"


def _types(part: object) -> set[str]:
    """The types of a part of the engine and of all that it is made of."""
    return {str(step["type"]) for step in steps(part)}
