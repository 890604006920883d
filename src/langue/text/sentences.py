"""Sentences of any script, by rules of punctuation alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LATIN, _WIDE, _OTHERS = ".!?…", "。！？｡︒", "।॥؟۔։።፧၊။។៕།༎๚๛᠃᠉"
STOPS = _LATIN + _WIDE + _OTHERS
"""Signs that end a sentence: of Latin, Greek and Cyrillic; of Chinese and Japanese; and the danda of Devanagari and its
like in Arabic, Armenian, Ethiopic, Burmese, Khmer, Tibetan, Thai and Mongolian."""

_QUOTES = "\"'”’»›)\\]}"
_SPLIT = re.compile(
    rf"""
      (?P<stop>[{_LATIN}]+[{_QUOTES}]*)(?=\s)        # only before white space
    | [{_WIDE}]+[」』”’）】]*                        # no white space follows
    | ．(?!\d)[」』”’）】]*                          # which stands in numbers as well
    | [{_OTHERS}]+[{_QUOTES}]*
    | \n[^\S\n]*\n                                  # paragraphs
    | \n(?=[^\S\n]*(?:[\#>|*+•-]|\d+[.)])\s)        # items and headings of Markdown begin one
    | (?m:^)[^\S\n]*\#+[^\n]*(?=\n)                  # and a heading's line ends one
    """,
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[^\W\d_][\w.]*\Z")
_ABBREVIATIONS = frozenset(
    [
        *("mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "cf", "fig", "eq", "no", "vol", "pp", "ed", "al"),
        *("approx", "dept", "est", "inc", "ltd", "co", "ca", "bzw", "vgl", "nr", "abb", "bspw", "mme", "mlle", "chap"),
    ]
)
"""Words after which a full stop ends no sentence; letters alone, and words with a stop inside, go by their form."""

Span = tuple[int, int]


def sentences(text: str) -> list[Span]:
    """Start and end of each sentence, in characters and without white space around it; all else is in one.

    The rules hold for most scripts and need no model. What has no punctuation, such as Thai, comes as one sentence for
    each paragraph.
    """
    ends = [match.end() for match in _SPLIT.finditer(text) if not _goes_on(text, match)]
    spans = (stripped(text, start, end) for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [span for span in spans if span[0] < span[1]]


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """True where a full stop belongs to an abbreviation or a number, or a small letter follows."""
    stop = match["stop"]
    if stop is None or not stop.startswith("."):
        return False
    following = text[match.end() : match.end() + 40].lstrip()
    if following[:1].islower() and "\n\n" not in text[match.end() : match.end() + 40 - len(following)]:
        return True
    word = _WORD_BEFORE.search(text, max(0, match.start() - 20), match.start())
    if word is None:
        return False
    return len(word[0]) == 1 or "." in word[0] or word[0].lower() in _ABBREVIATIONS


def stripped(text: str, start: int, end: int) -> Span:
    """The same stretch of a text without white space at its ends."""
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def joined(parts: Iterable[str]) -> str:
    """Sentences as one text: with blanks between them, but where the script writes none."""
    text = ""
    for part in parts:
        blank = text and part and not _is_wide(text)
        text = f"{text} {part}" if blank else text + part
    return text


def _is_wide(text: str) -> bool:
    """True for a text that ends with a sign or letter of Chinese or Japanese, quotes aside."""
    last = text.rstrip(_QUOTES)[-1:] or text[-1]
    return unicodedata.east_asian_width(last) in "WF" and not unicodedata.name(last, "").startswith("HANGUL")
