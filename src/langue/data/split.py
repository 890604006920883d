"""Setting aside the end of a text, exactly at a character."""

from __future__ import annotations

from collections.abc import Iterator

from langue.data.documents import Piece


def before(pieces: Iterator[Piece], characters: int) -> Iterator[Piece]:
    """The documents up to a character; one that is cut there ends there."""
    for piece in pieces:
        if characters <= 0:
            return
        if len(piece.text) > characters or (len(piece.text) == characters and not piece.ends):
            yield Piece(piece.text[:characters], True, piece.size)
            return
        characters -= len(piece.text)
        yield piece


def after(pieces: Iterator[Piece], characters: int) -> Iterator[Piece]:
    """The documents from a character on."""
    for piece in pieces:
        if characters >= len(piece.text) and characters > 0:
            characters -= len(piece.text)
            continue
        yield Piece(piece.text[characters:], piece.ends, piece.size) if characters else piece
        characters = 0
