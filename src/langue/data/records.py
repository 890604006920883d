"""The records that readers hand on: pieces of documents, rows of tables, and what had to be left out, with the reason.

Named tuples, because millions of them pass and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

EXCERPT_BYTES = 200


class DocumentPiece(NamedTuple):
    """A stretch of a document; a long one comes in several, cut where lines end."""

    text: str
    ends: bool
    """True for the last piece of its document."""
    size: int
    """The bytes it was read from: raw lines of a file with their ends, the text itself for other sources."""
    records: int = 1
    """The lines of a text file or rows of a table it was read from; a long record's later pieces count none."""


class Row(NamedTuple):
    """One row of a table."""

    values: Mapping[str, Any]
    number: int
    """Its line in a text file, or its place in another source, from 1."""
    size: int | None
    """The bytes of its raw lines, where it has any."""


class Dropped(NamedTuple):
    """A record that was left out."""

    reason: str
    origin: str
    number: int
    size: int
    begins: str
    records: int = 1


def excerpt(raw: bytes) -> str:
    """The beginning of a record; bytes that are no UTF-8 are shown as \\xNN."""
    return raw[:EXCERPT_BYTES].decode("utf-8", errors="backslashreplace")


def left_out(reason: str, value: object, origin: str, row: Row) -> Dropped:
    """A row of a table whose value in the column of the text cannot be used."""
    raw = ("" if value is None else str(value)).encode("utf-8", "surrogatepass")
    return Dropped(reason, origin, row.number, len(raw) if row.size is None else row.size, excerpt(raw))


def lack_of_text(value: object) -> str:
    """The reason for which a value holds no text that could be read, or "" where it does."""
    if value is None:
        return "missing"
    if not isinstance(value, str):
        return "not text"
    return "empty" if is_blank(value) else ""


def is_blank(text: str) -> bool:
    """True for a text of white space alone."""
    return not text or text.isspace()
