"""Words as full-text search counts them, in any script, and by their stems where a language is named."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

from langue.errors import LangueError, hint
from langue.extra import need

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
"""Thai and Lao, Burmese, Khmer, Japanese and Chinese, which put no spaces between words."""


_ASCII = re.compile("[a-z0-9]+")

WORD_LETTERS = 100
"""Letters of a word that count; what is longer is no word, and too long for a database's index."""

STOP_WORDS = Path(__file__).with_name("stop_words.json")
"""Words of some languages that are everywhere and say little: the lists of Snowball (Porter & Boulton, BSD license), in
the form in which PostgreSQL has them."""

STEMS = 1 << 18
"""Different words whose stems are remembered; working one out takes some hundredth of a millisecond."""

Analyzer = Callable[[str], list[str]]
"""A function from a text to the words that it is found by."""


@cache
def analyzer(language: str | None = None, stop_words: bool = False) -> Analyzer:
    """The words of texts as an index counts them.

    Args:
        language: whose stems stand for its words, by a name of Snowball's, such as german; None takes words as they
            are.
        stop_words: True to leave out words of the language that are everywhere, where there is a list of them.

    Raises:
        LangueError: nobody knows the language's stems.
    """
    if language is None:
        return words
    library = need("snowballstemmer", "search", f"an index in {language}")
    if language not in library.algorithms():
        raise LangueError(f"there are no stems of {language!r}; {hint(language, library.algorithms())}")
    stem = lru_cache(STEMS)(library.stemmer(language).stemWord)
    left_out = _stop_words(language) if stop_words else frozenset()
    return lambda text: [stem(word) for word in words(text) if word not in left_out]


def _stop_words(language: str) -> frozenset[str]:
    """The words of a language that say little, in the form that `words` gives; none where there is no list."""
    listed = json.loads(STOP_WORDS.read_bytes()).get(language, "").split()
    forms = [words(word) for word in listed]
    return frozenset(form[0] for form in forms if len(form) == 1)


def words(text: str) -> list[str]:
    """Words without regard to case and to compatibility forms (NFKC); of scripts without spaces, pairs of letters.

    Pairs of neighbouring letters need no dictionary and find a word of two letters or more wherever it stands; it is
    what Lucene's CJKAnalyzer does. There are no stop words and no stemming, so that no language is favoured; BM25 makes
    little of words that are everywhere. An index in one language may have both; see `analyzer`.
    """
    if text.isascii():  # ten times as fast
        return [word[:WORD_LETTERS] for word in _ASCII.findall(text.lower())]
    text = unicodedata.normalize("NFKC", text)
    terms = []
    for match in _pattern().finditer(text.casefold()):
        run = match[1]
        if run is None:
            terms.append(match[0][:WORD_LETTERS])
        else:
            terms += [run[place : place + 2] for place in range(max(1, len(run) - 1))]
    return terms


@cache
def _pattern() -> re.Pattern[str]:
    """Runs of letters, digits and the signs that stand on letters, which `\\w` does not know for letters."""
    points = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    marks = "".join(chr(point) for point in points if unicodedata.category(chr(point)) in ("Mn", "Mc"))
    letters = rf"[^\W_{_UNSPACED}]"
    # The hyphen, bracket and caret are no marks, so nothing in the class needs a backslash.
    return re.compile(rf"([{_UNSPACED}]+)|{letters}+(?:[{marks}]+{letters}*)*")
