"""Documents: the text of any sources as a stream of bounded pieces, each document's last one marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from langue.data.embedded import embedded_documents
from langue.data.settings import ReadSettings
from langue.data.sources import Origin
from langue.data.tables import rows
from langue.data.tally import Tally
from langue.errors import LangueError

BLOCK = 1 << 16
"""Bytes of a text file that are looked at together."""


# bytes.splitlines would also break at a lone carriage return.
_LINES = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Piece:
    """A stretch of a document.

    Attributes:
        text: never empty, but for a piece that only ends a document.
        ends: this is its document's last piece.
        size: bytes as they were read.
    """

    text: str
    ends: bool
    size: int


def read_documents(origins: Iterable[Origin], settings: ReadSettings, tally: Tally) -> Iterator[Piece]:
    """All documents of all places, in order.

    Text files lose a byte order mark and the carriage returns of Windows; lines that are no UTF-8, hold NUL bytes or
    are longer than `max_line_bytes`, and documents without text, go to the tally.

    Raises:
        LangueError: a place cannot be read, or is no text at all.
    """
    for origin in origins:
        if origin.kind == "text":
            yield from _text_file(origin, settings, tally)
        elif origin.kind == "embedded":
            for text in embedded_documents():
                size = len(text.encode())
                tally.keep(1, size)
                yield Piece(text, True, size)
        else:
            yield from _table(origin, settings, tally)


def _table(origin: Origin, settings: ReadSettings, tally: Tally) -> Iterator[Piece]:
    for number, size, row in rows(origin, tally):
        text = row.get(settings.text)
        if settings.text not in row and number <= 2:
            columns = ", ".join(str(name) for name in row)
            raise LangueError(f"{origin.name} has no column {settings.text!r}; it has {columns}")
        reason = _fault(text)
        if reason is not None:
            tally.drop(reason, origin.name, number, size, str(text).encode("utf-8", "surrogateescape"))
            continue
        tally.keep(1, size)
        assert isinstance(text, str)
        yield Piece(text, True, size)


def _fault(text: object) -> str | None:
    if text is None:
        return "missing"
    if not isinstance(text, str):
        return "not text"
    if not text.strip():
        return "empty"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "invalid UTF-8"
    return "NUL byte" if "\0" in text else None


def _text_file(origin: Origin, settings: ReadSettings, tally: Tally) -> Iterator[Piece]:
    """Blocks that are ended by a line's end, cut into documents."""
    assert origin.path is not None
    _refuse_binary(origin.path)
    blocks = _clean_blocks(origin, settings.max_line_bytes, tally)
    if settings.documents == "file":
        wrote = False
        for block in blocks:
            wrote = True
            yield Piece(block, False, len(block))
        if wrote:
            yield Piece("", True, 0)
        elif origin.size == 0:
            tally.drop("empty", origin.name, 1, 0, b"")
        return
    separator = "\n" if settings.documents == "line" else "\n\n"
    rest = ""
    for block in blocks:
        *whole, rest = (rest + block).split(separator)
        yield from _whole_documents(whole, origin, settings, tally)
    yield from _whole_documents([rest] if rest else [], origin, settings, tally)


def _whole_documents(texts: Iterable[str], origin: Origin, settings: ReadSettings, tally: Tally) -> Iterator[Piece]:
    for text in texts:
        text = text.strip("\n")
        if text.strip():
            yield Piece(text, True, len(text))
        elif settings.documents == "line":
            tally.keep(-1, -len(text) - 1)  # as a line it was sound; as a document it says nothing
            tally.drop("empty", origin.name, tally.records["kept"], len(text) + 1, text.encode())


def _refuse_binary(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(BLOCK)
    except OSError as error:
        raise LangueError(f"{path} cannot be read: {error.strerror}") from None
    if b"\0" in start:
        raise LangueError(f"{path} is not a text file: it holds NUL bytes")


def _clean_blocks(origin: Origin, max_line_bytes: int, tally: Tally) -> Iterator[str]:
    """The text of a file in blocks of whole lines, without what had to be dropped."""
    assert origin.path is not None
    number = 0
    with origin.path.open("rb") as file:
        for block, beyond in _line_blocks(file, max_line_bytes):
            text = _decode(block, first=number == 0, max_line_bytes=max_line_bytes)
            lines = block.count(b"\n") + (not block.endswith(b"\n"))
            if text is not None:
                tally.keep(lines, len(block))
            else:
                text = _good_lines(block, number, origin.name, max_line_bytes, tally)
                tally.bytes["line too long"] += beyond
            number += lines
            if text:
                yield text


def _line_blocks(file: IO[bytes], max_line_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines; of a last line that is too long to be kept, only so much that this can be seen.

    The second number says how many bytes of that line were passed over.
    """
    while block := file.read(BLOCK):
        beyond = 0
        if not block.endswith(b"\n"):
            block += (rest := file.readline(max_line_bytes + 1))
            while len(rest) > max_line_bytes and not rest.endswith(b"\n"):
                rest = file.readline(max_line_bytes + 1)
                beyond += len(rest)
        yield block, beyond


def _decode(block: bytes, *, first: bool, max_line_bytes: int) -> str | None:
    """The text of a block in which nothing is amiss, or None."""
    if b"\0" in block or (len(block) > max_line_bytes and max(map(len, block.split(b"\n"))) > max_line_bytes):
        return None
    try:
        text = block.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError:
        return None
    return text.replace("\r\n", "\n") if "\r" in text else text


def _good_lines(block: bytes, number: int, name: str, max_line_bytes: int, tally: Tally) -> str:
    """A block's lines one by one, those at fault to the tally."""
    kept = []
    for offset, line in enumerate(_LINES.findall(block), 1):
        if len(line.rstrip(b"\r\n")) > max_line_bytes:
            tally.drop("line too long", name, number + offset, len(line), line)
        elif (text := _decode(line, first=number + offset == 1, max_line_bytes=max_line_bytes)) is None:
            tally.drop("NUL byte" if b"\0" in line else "invalid UTF-8", name, number + offset, len(line), line)
        else:
            tally.keep(1, len(line))
            kept.append(text)
    return "".join(kept)
