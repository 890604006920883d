"""Byte-level BPE with a memory: the words of a text do not know of each other, so each has to be encoded only once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from tokenizers import Regex, pre_tokenizers
from tokenizers import Tokenizer as Engine

KNOWN = 1 << 18
"""Words that are remembered at most, some 50 MB of them; then the memory begins anew."""

MOST_NEW = 0.25
"""From this share of characters in words that are new on, as in scripts that put no spaces, the engine is faster."""

BASIC = 0x10000
"""One past the last code point of Unicode's basic plane; sets of characters beyond it make Python's patterns slow."""


class WordEncoder:
    """Encodes texts word by word and remembers the words: several times as fast as the engine, and never otherwise.

    Merges never cross a border between words, and a word by itself is one word again, because GPT-2's pattern looks
    past a word's end only to leave a space to the next. Both hold for the tokenizers that `fits` lets in.

    Args:
        engine: one that fits.
        dtype: in which tokens are given.
    """

    def __init__(self, engine: Engine, dtype: np.dtype):
        self._engine, self._dtype = engine, dtype
        self._known: dict[str, bytes] = {}

    @staticmethod
    def fits(engine: Engine) -> bool:
        """True for byte-level BPE with GPT-2's pattern, where nothing is done to a text before or in between."""
        config = json.loads(engine.to_str())
        splits, model = config["pre_tokenizer"] or {}, config["model"]
        return (
            config["normalizer"] is None
            and splits.get("type") == "ByteLevel"
            and splits.get("use_regex") is True
            and splits.get("add_prefix_space") is False
            and model.get("type") == "BPE"
            and not model.get("dropout")
            # Those that are not special are cut out of a text before it is split.
            and engine.encode_special_tokens
            and all(token["special"] for token in config["added_tokens"])
        )

    def encode(self, texts: Sequence[str]) -> list[bytes] | None:
        """The tokens of each text as raw numbers, or None if a memory does not help with these texts."""
        words = [split(text) for text in texts]
        if len(self._known) > KNOWN:
            self._known.clear()
        new = list(set().union(*words) - self._known.keys())
        if sum(map(len, new)) > MOST_NEW * sum(map(len, texts)):
            return None
        for word, encoding in zip(new, self._engine.encode_batch_fast(new, add_special_tokens=False), strict=True):
            self._known[word] = np.array(encoding.ids, self._dtype).tobytes()
        return [b"".join(map(self._known.__getitem__, text)) for text in words]


def split(text: str) -> list[str]:
    """The words of a text by GPT-2's pattern; those that touch a character beyond the basic plane stay together."""
    # Such a character takes four bytes, which is the fastest way to find one.
    beyond = not text.isascii() and len(text.encode("utf-16-le")) > 2 * len(text)
    return _pattern(beyond).findall(text)


@lru_cache
def _pattern(beyond: bool) -> re.Pattern[str]:
    """GPT-2's pattern, in which letters, numbers and spaces are what the engine takes for such.

    Python has no classes for them, and its Unicode may be another version's.

    Args:
        beyond: takes everything between two spaces together where it holds a character beyond the basic plane; words
            end there in any case.
    """
    every = "".join(chr(point) for point in range(BASIC) if not 0xD800 <= point < 0xE000)
    letter, number, space = (_members(kind, every) for kind in (r"\p{L}", r"\p{N}", r"\s"))
    together = rf" ?[^{space}{chr(BASIC)}-\U0010ffff]*+[{chr(BASIC)}-\U0010ffff][^{space}]*|"
    return re.compile(
        (together if beyond else "")
        + rf"'(?:[stmd]|re|ve|ll)| ?[{letter}]+| ?[{number}]+| ?[^{space}{letter}{number}]+"
        + rf"|[{space}]+(?![^{space}])|[{space}]+"
    )


def _members(kind: str, every: str) -> str:
    """Those of some characters that the engine takes for of a kind, as ranges."""
    runs = pre_tokenizers.Split(Regex(f"{kind}+"), "removed", invert=True).pre_tokenize_str(every)
    return "".join(f"{re.escape(run[0])}-{re.escape(run[-1])}" for run, _ in runs)
