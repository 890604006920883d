"""Words as full-text search counts them, in any script."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
"""Thai and Lao, Burmese, Khmer, Japanese and Chinese, which put no spaces between words."""


_ASCII = re.compile("[a-z0-9]+")

WORD_LETTERS = 100
"""Letters of a word that count; what is longer is no word, and too long for a database's index."""


def words(text: str) -> list[str]:
    """Words without regard to case and to compatibility forms (NFKC); of scripts without spaces, pairs of letters.

    Pairs of neighbouring letters need no dictionary and find a word of two letters or more wherever it stands; it is
    what Lucene's CJKAnalyzer does. There are no stop words and no stemming, so that no language is favoured; BM25 makes
    little of words that are everywhere.
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
