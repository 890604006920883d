"""Scripts that put no spaces between words, in which words cannot be counted by their spaces, and their languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

ENOUGH = 100_000
"""Characters by which a script is told."""

HAN, KANA = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff", "\u3041-\u30ff\u31f0-\u31ff"

UNSPACED = {
    "zh": HAN, "ja": KANA, "th": "\u0e01-\u0e4e", "lo": "\u0e81-\u0edf", "km": "\u1780-\u17d3", "bo": "\u0f40-\u0fbc",
    "my": "\u1000-\u1049\ua9e0-\ua9fe\uaa60-\uaa7f",
}  # fmt: skip
"""By language: letters of the script that it alone, or it first of all, is written in."""

CODES = {
    "zh": "zh zho chi cmn yue wuu lzh cn chinese mandarin cantonese", "ja": "ja jpn jp japanese",
    "ko": "ko kor kr korean",
    "th": "th tha thai", "lo": "lo lao", "my": "my mya bur burmese myanmar", "km": "km khm khmer",
    "bo": "bo bod tib tibetan dz dzo dzongkha",
}  # fmt: skip
"""By language whose words are not split at spaces alone: what it is called."""

_CALLED = {name: code for code, names in CODES.items() for name in names.split()}
_ALONE = re.compile(rf"([{''.join(UNSPACED.values())}][\u0300-\u036f\u3099\u309a]*)")
_LETTERS = {code: re.compile(f"[{letters}]") for code, letters in UNSPACED.items()}


def language_of(name: str | None) -> str | None:
    """A language's code from whatever names it: zh-CN, zho_Hans, ja_XX, >>jpn<<, Chinese; of others what stands first.

    None for nothing.
    """
    first = re.search(r"[a-z]+", (name or "").lower())
    return _CALLED.get(first[0], first[0]) if first else None


def is_unspaced(name: str | None) -> bool:
    """True for a language that is known for words that are not split at spaces alone."""
    return language_of(name) in CODES


def language_in(texts: Iterable[str]) -> str | None:
    """The language of texts as far as their script tells, if most of their letters are of one without spaces."""
    sample = _letters(texts)
    counts = {code: len(letters.findall(sample)) for code, letters in _LETTERS.items()}
    counts["ja"] += counts["zh"] if 20 * counts["ja"] > counts["zh"] else 0  # which writes much in Chinese letters
    code = max(counts, key=lambda code: counts[code])
    return code if 2 * counts[code] > len(sample) else None


def one_language(languages: str | Sequence[str | None] | None) -> str | None:
    """The language that all texts are in, where they are in one."""
    names = {languages} if languages is None or isinstance(languages, str) else set(languages)
    return names.pop() if len(names) == 1 else None


def is_foreign(texts: Iterable[str]) -> bool:
    """True for texts of which most letters are none of ASCII's."""
    sample = _letters(texts)
    return 2 * sum(not letter.isascii() for letter in sample) > len(sample)


def _letters(texts: Iterable[str]) -> str:
    return "".join(islice((letter for text in texts for letter in text if letter.isalpha()), ENOUGH))


def spaced(text: str) -> str:
    """A text with spaces around each letter of a script that has none between words: what is counted in their place."""
    return " ".join(_ALONE.sub(r" \1 ", text).split()) if _ALONE.search(text) else text
