"""Cutting of documents into passages: whole sentences up to a size, each beginning with the end of the one before."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langue.text.sentences import Span, sentences, stripped


class PassageSpan(NamedTuple):
    """A passage of a document, by the characters of the document."""

    start: int
    end: int


def cut(text: str, size: int, overlap: int) -> list[PassageSpan]:
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
        passages.append(PassageSpan(spans[first][0], spans[last][1]))
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
        yield stripped(text, start, middle)
        start = stripped(text, middle, end)[0]


def _break(text: str, start: int, fits: int) -> int:
    """The place to cut, no later than `fits`: at white space in the second half, else between two letters."""
    for place in range(fits, start + (fits - start) // 2, -1):
        if text[place].isspace():
            return place
    place = fits
    while place > start + 1 and unicodedata.category(text[place]) in ("Mn", "Mc", "Me", "Cf"):
        place -= 1  # a sign above or below belongs to the letter before it
    return place if place > start + 1 else max(fits, start + 1)
