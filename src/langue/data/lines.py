"""Lines of text files of any size, in bounded memory; a line that is no text is left out by itself.

Lines end as in Python's own text files, by LF, CR LF or CR, and all of these become LF. UTF-8's byte order mark at a
file's beginning is taken off.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from langue.data.records import Dropped, excerpt
from langue.errors import LangueError

BLOCK_BYTES = 1 << 16
"""How much is read, and later encoded, at once: enough to hide Python's cost, small enough to share among cores."""


class UnreadableFile(LangueError):
    """A file is not what its name says, or the system gives it to nobody; where many are read, it may be left out."""


class Block(NamedTuple):
    """Raw bytes from the beginning of one line to the end of another."""

    number: int
    """The number of its first line, from 1."""
    data: bytes

    def count_lines(self) -> int:
        if b"\r" in self.data:
            return len(self.data.splitlines())
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))


class Line(NamedTuple):
    """One line without its end."""

    text: str
    number: int
    size: int
    """Its bytes in the file, line end included."""


def read_lines(path: Path, limit: int) -> Iterator[Line | Dropped]:
    """A file line by line; lines of more than `limit` bytes are left out.

    Raises:
        UnreadableFile: the file cannot be read, or is no text at all.
    """
    for block in read_blocks(path, limit):
        if isinstance(block, Dropped):
            yield block
        else:
            yield from split_block(block, path, limit)


def read_blocks(path: Path, limit: int) -> Iterator[Block | Dropped]:
    """A file in blocks of whole lines; a line that outgrows `limit` bytes is left out without being held whole.

    Raises:
        UnreadableFile: the file cannot be read, or is no text at all.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(file, path, limit)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None


def _blocks(file: BinaryIO, path: Path, limit: int) -> Iterator[Block | Dropped]:
    number, rest = 1, b""
    # To read as much again as is held keeps the work linear in the length of a line.
    while chunk := file.read(max(BLOCK_BYTES, len(rest))):
        data = rest + chunk
        if number == 1:
            _refuse_binary(path, data)
        if cut := _cut(data):
            block = Block(number, data[:cut])
            yield block
            number, rest = number + block.count_lines(), data[cut:]
        elif len(data) <= limit + 1:  # a CR in the last place is no part of the line
            rest = data
        else:
            size, rest = _skip_line(file, data)
            yield Dropped("line too long", str(path), number, size, excerpt(data))
            number += 1
    if rest:
        yield Block(number, rest)


def _refuse_binary(path: Path, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFile(f"{path} is in UTF-16; convert it first: iconv -f UTF-16 -t UTF-8")
    if b"\0" in data:
        raise UnreadableFile(f"{path} is not a text file: it holds NUL bytes")


def _cut(data: bytes) -> int:
    """Where to cut between lines; 0 if there is no place.

    Preferred is a single line end between two visible characters. Tokenizers cut there anyway, while a run of white
    space may be one token, so that a document gives the same tokens as if it were encoded in one.
    """
    place = data.rfind(b"\n", 0, len(data) - 1)
    for _ in range(100):
        if place <= 0:
            break
        around = data[place - 1 : place + 2].replace(b"\r\n", data[place - 2 : place - 1] + b"\n")
        if not around[:1].isspace() and not around[-1:].isspace():
            return place + 1
        place = data.rfind(b"\n", 0, place)
    # A CR in the last place may be the first half of a CR LF.
    return 1 + max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1))


def _skip_line(file: BinaryIO, begun: bytes) -> tuple[int, bytes]:
    """Pass over a line that has been begun; its whole size, and what was read of the next."""
    size, after_cr = len(begun), begun.endswith(b"\r")
    while chunk := file.read(BLOCK_BYTES):
        if after_cr:
            return (size + 1, chunk[1:]) if chunk.startswith(b"\n") else (size, chunk)
        line = chunk.splitlines(True)[0]
        size += len(line)
        if len(line) < len(chunk) or line.endswith(b"\n"):
            return size, chunk[len(line) :]
        after_cr = line.endswith(b"\r")
    return size, b""


def decode_block(block: Block, limit: int) -> str | None:
    """The text of a block in which nothing is amiss, or None; sound files are read by this alone, at full speed."""
    if len(block.data) > limit or b"\0" in block.data:
        return None
    try:
        text = block.data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if block.number == 1:
        text = text.removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def split_block(block: Block, path: Path, limit: int) -> Iterator[Line | Dropped]:
    """A block line by line."""
    for number, raw in enumerate(block.data.splitlines(True), block.number):
        body = raw.rstrip(b"\r\n")
        reason, text = ("line too long", "") if len(body) > limit else _decode(body)
        if reason:
            yield Dropped(reason, str(path), number, len(raw), excerpt(body))
        else:
            yield Line(text.removeprefix("\ufeff") if number == 1 else text, number, len(raw))


def _decode(body: bytes) -> tuple[str, str]:
    """What is wrong with a line, if anything, and its text."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "invalid UTF-8", ""
    return ("NUL byte", "") if "\0" in text else ("", text)
