"""From a document to passages: whole sentences up to a size, each passage beginning with the end of the one before."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_QUOTES = "\"'”’»›)\\]}"
_SPLIT = re.compile(
    rf"""
      (?P<stop>[.!?…]+[{_QUOTES}]*)(?=\s)           # Latin, Greek, Cyrillic: only before white space
    | [。！？｡︒]+[」』”’）】]*                       # Chinese and Japanese: no white space follows
    | [।॥؟۔։።፧၊။។៕།༎]+[{_QUOTES}]*                # Devanagari, Arabic, Armenian, Ethiopic, Burmese, Khmer, Tibetan
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


class Cut(NamedTuple):
    """A passage of a document, by the characters of the document."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Start and end of each sentence, in characters and without white space around it; all else is in one.

    By rules of punctuation alone, which hold for most scripts and need no model. What has none, such as Thai, comes as
    one sentence for each paragraph, which `cut` shortens.
    """
    ends = [match.end() for match in _SPLIT.finditer(text) if not _goes_on(text, match)]
    spans = (_stripped(text, start, end) for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [span for span in spans if span[0] < span[1]]


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop belongs to an abbreviation or a number, or a small letter follows."""
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


def _stripped(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def cut(text: str, size: int, overlap: int) -> list[Cut]:
    """Passages of whole sentences.

    Args:
        text: of a document.
        size: the longest passage, in bytes of UTF-8; a longer sentence is cut, at white space where it has any.
        overlap: sentences that each passage repeats of the one before, as far as there is room beside a new one.
    """
    spans = [part for span in sentences(text) for part in _shortened(text, span, size)]
    passages = []
    first = 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and _bytes(text, spans[first][0], spans[last + 1][1]) <= size:
            last += 1
        passages.append(Cut(spans[first][0], spans[last][1]))
        first = last + 1 if last + 1 == len(spans) else _again(text, spans, first, last, size, overlap)
    return passages


def _again(text: str, spans: Sequence[Span], first: int, last: int, size: int, overlap: int) -> int:
    """The sentence that the next passage begins with, such that it has room for one that is new."""
    new = last + 1
    start = max(first + 1, new - overlap)
    while start < new and _bytes(text, spans[start][0], spans[new][1]) > size:
        start += 1
    return start


def _bytes(text: str, start: int, end: int) -> int:
    return len(text[start:end].encode())


def _shortened(text: str, span: Span, size: int) -> Iterator[Span]:
    """A sentence, in parts if it is longer than a passage may be."""
    start, end = span
    while start < end:
        if end - start <= size and _bytes(text, start, end) <= size:
            yield start, end
            return
        fits = start + len(text[start : start + size].encode()[:size].decode(errors="ignore"))
        middle = _break(text, start, fits)
        yield _stripped(text, start, middle)
        start = _stripped(text, middle, end)[0]


def _break(text: str, start: int, fits: int) -> int:
    """Where to cut, no later than `fits`: at white space in the second half, else between two letters."""
    for place in range(fits, start + (fits - start) // 2, -1):
        if text[place].isspace():
            return place
    place = fits
    while place > start + 1 and unicodedata.category(text[place]) in ("Mn", "Mc", "Me", "Cf"):
        place -= 1  # a sign above or below belongs to the letter before it
    return place if place > start + 1 else max(fits, start + 1)
