"""Documents: the text of any sources as a stream of bounded pieces, each document's last one marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from langue.data.embedded import embedded_documents
from langue.data.lines import BLOCK_BYTES
from langue.data.records import DocumentPiece, Dropped, is_blank, lack_of_text, left_out
from langue.data.settings import ReadSettings
from langue.data.sources import DataSource, Origin, find_sources
from langue.data.tables import rows
from langue.data.tally import Tally
from langue.data.textfile import BY_UNIT
from langue.errors import LangueError, listed
from langue.pages.kinds import PAGES
from langue.pages.page import PageError
from langue.pages.reader import PageReader

PAGED = tuple(ending for ending in PAGES if ending != ".rst")
"""Endings of files whose text is read by pages where they are named; rst is text that a model may learn to write."""

_SEPARATORS = {"line": "\n", "paragraph": "\n\n"}


def find_texts(source: DataSource | Mapping[str, float]) -> list[Origin]:
    """All places of text that a source stands for, books, letters, web pages and Office's files among them, where they
    are named.

    Raises:
        LangueError: see `find_sources`.
    """
    return find_sources(source, named=PAGED)


def read_documents(origins: Iterable[Origin], settings: ReadSettings, tally: Tally) -> Iterator[DocumentPiece]:
    """All documents of all places, in order; the tally gets what is handed on and what is left out.

    Raises:
        LangueError: a place cannot be read, is no text at all, or at the end, too much of them was left out.
    """
    origins = list(origins)
    yield from tally.count(read_events(origins, settings))
    tally.check((origin.name for origin in origins), settings.max_dropped, settings.option)


def read_events(origins: Iterable[Origin], settings: ReadSettings) -> Iterator[DocumentPiece | Dropped]:
    """The same with what is left out among the pieces, where it stood.

    Left out are lines and texts that are no UTF-8, hold NUL bytes or are too long, rows that are broken or have no
    text, and documents of white space.
    """
    with PageReader() as reader:
        for origin in origins:
            events = _events(origin, settings, reader)
            yield next(events, Dropped("empty", origin.name, 1, 0, ""))
            yield from events


def _events(origin: Origin, settings: ReadSettings, reader: PageReader) -> Iterator[DocumentPiece | Dropped]:
    if origin.kind == "text":
        return BY_UNIT[settings.documents](origin.file, settings.max_line_bytes)
    if origin.kind == "embedded":
        return (piece for text in embedded_documents() for piece in _pieces(text, len(text.encode())))
    if f".{origin.kind}" in PAGED:
        return _paged(origin, settings, reader)
    return _table(origin, settings)


def _paged(origin: Origin, settings: ReadSettings, reader: PageReader) -> Iterator[DocumentPiece | Dropped]:
    """The text of all pages as one document, or each of its lines or paragraphs as one."""
    try:
        text = "\n\n".join(page.text for page in reader.read(origin.file) if not is_blank(page.text))
    except PageError as error:
        yield Dropped(str(error), origin.name, 1, origin.size, "")
        return
    separator = _SEPARATORS.get(settings.documents)
    for part in [text] if separator is None else text.split(separator):
        if not is_blank(part):
            yield from _pieces(part, len(part.encode()))


def _table(origin: Origin, settings: ReadSettings) -> Iterator[DocumentPiece | Dropped]:
    is_first = True
    for row in rows(origin, settings.max_line_bytes, settings.text):
        if isinstance(row, Dropped):
            yield row
            continue
        if settings.text not in row.values and is_first:
            columns, example = listed(row.values), f"{settings.option('text')} {next(iter(row.values), 'NAME')}"
            raise LangueError(
                f"{origin.name} has no column {settings.text!r}; it has {columns}; name the one that holds the text, "
                f"as in {example}"
            )
        is_first = False
        text = row.values.get(settings.text)
        reason = lack_of_text(text) or _fault(str(text))
        if reason:
            yield left_out(reason, text, origin.name, row)
        else:
            assert isinstance(text, str)
            yield from _pieces(text, len(text.encode()) if row.size is None else row.size)


def _fault(text: str) -> str:
    """The reason for which a text cannot be stored, or nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair
        return "invalid UTF-8"
    return "NUL byte" if "\0" in text else ""


def _pieces(text: str, size: int) -> Iterator[DocumentPiece]:
    """A whole document, cut at line ends if it is long."""
    start = 0
    while len(text) - start > BLOCK_BYTES:
        cut = text.rfind("\n", start, start + BLOCK_BYTES) + 1
        if cut <= start:
            cut = text.find("\n", start) + 1 or len(text)
        if cut == len(text):
            break
        yield DocumentPiece(text[start:cut], False, 0, 0)
        start = cut
    yield DocumentPiece(text[start:], True, size)
