"""Setting aside the end of a text, exactly at a character."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, cast

from langue.data.records import DocumentPiece, Dropped

Event = TypeVar("Event", bound=DocumentPiece | Dropped)


def before(events: Iterator[Event], characters: int) -> Iterator[Event]:
    """The documents up to a character; one that is cut there ends there."""
    for event in events:
        if isinstance(event, Dropped):
            yield event
            continue
        if len(event.text) >= characters:
            yield _parts(event, characters)[0]
            return
        characters -= len(event.text)
        yield event


def after(events: Iterator[Event], characters: int) -> Iterator[Event]:
    """The documents from a character on, and what was left out from there on."""
    for event in events:
        if isinstance(event, Dropped):
            if characters < 0:
                yield event
            continue
        if characters >= 0 and len(event.text) >= characters:
            rest = _parts(event, characters)[1]
            characters = -1
            if rest.text:
                yield rest
        elif characters < 0:
            yield event
        else:
            characters -= len(event.text)


def _parts(piece: Event, characters: int) -> tuple[Event, Event]:
    """A piece cut in two, its bytes and records shared out so that none is counted twice."""
    assert isinstance(piece, DocumentPiece)
    rest = piece.text[characters:]
    size = min(piece.size, len(rest.encode()))
    records = min(max(0, piece.records - 1), rest.count("\n"))
    first = DocumentPiece(piece.text[:characters], True, piece.size - size, piece.records - records)
    return cast(tuple[Event, Event], (first, DocumentPiece(rest, piece.ends, size, records)))
