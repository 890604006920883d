"""What readers hand on: rows of tables, pieces of documents, and what had to be left out, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Documents = Literal["file", "line", "paragraph"]

INVALID_UTF8 = "invalid UTF-8"
LONG_LINE = "line too long"
EMPTY = "empty document"
NOT_JSON = "not a JSON object"
NO_TEXT = "no text"
COLUMNS = "wrong number of columns"

EXCERPT_BYTES = 200


@dataclass(frozen=True)
class Reading:
    """How sources are read.

    Attributes:
        documents: what one document of a plain text file is: the whole file, a line, or a paragraph, which ends at a
            blank line.
        column: the field of a table that holds the text.
        max_line_bytes: a longer line of a text file is left out.
    """

    documents: Documents = "file"
    column: str = "text"
    max_line_bytes: int = 1 << 20


class Piece(NamedTuple):
    """A stretch of a document's text; a long document comes in several, cut at line ends.

    Named tuples, because millions of them pass and a frozen dataclass takes three times as long to make.
    """

    text: str
    ends: bool
    """Whether the document ends with this piece."""
    records: int
    """How many records (lines of a text file, rows of a table) it was read from."""
    size: int
    """Their bytes: of the raw lines of a file, line ends included, and of the text itself for other sources."""


class Row(NamedTuple):
    """One row of a table."""

    fields: Mapping[str, Any]
    source: str
    number: int
    """Its line in a text file, or its place in another source, from 1."""
    size: int


class Dropped(NamedTuple):
    """A record that was left out."""

    reason: str
    source: str
    number: int
    size: int
    excerpt: str
    records: int = 1


def excerpt(raw: bytes) -> str:
    """The beginning of a record; bytes that are no UTF-8 are shown as \\xNN."""
    return raw[:EXCERPT_BYTES].decode("utf-8", errors="backslashreplace")
