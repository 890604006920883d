"""Lines of text files of any size, in bounded memory; a line that is no text is left out by itself.

A line ends at LF or CR LF, as `wc -l` counts and as two aligned files need it: a CR anywhere else is text, as are form
feeds, U+0085, U+2028 and whatever else some call the end of a line. In a file without any LF, as old Macs wrote, a line
ends at CR. UTF-8's byte order mark at a file's beginning is taken off. Everything that is read by lines is read here.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from langue.data.records import Dropped, excerpt
from langue.errors import LangueError

BLOCK_BYTES = 1 << 16
"""Bytes that are read, and later encoded, at once: enough to hide Python's cost, small enough to share among cores."""

LINE_BYTES = (1 << 31) - 1
"""Bytes of a line where nothing else bounds them."""

MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
"""Byte order marks of encodings that are not read."""


class UnreadableFile(LangueError):
    """A file is not what its name says, or the system gives it to nobody; where many are read, it may be left out."""


class ByteBlock(NamedTuple):
    """Raw bytes from the beginning of one line to the end of another."""

    number: int
    """The number of its first line, from 1."""
    data: bytes

    def count_lines(self) -> int:
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))


class TextLine(NamedTuple):
    """One line without its end."""

    text: str
    number: int
    size: int
    """Its bytes in the file, line end included."""


def read_lines(path: Path, limit: int) -> Iterator[TextLine | Dropped]:
    """A file line by line; lines of more than `limit` bytes are left out.

    Raises:
        UnreadableFile: the file cannot be read, or is no text at all.
    """
    for block in read_blocks(path, limit):
        if isinstance(block, Dropped):
            yield block
        else:
            yield from split_block(block, path, limit)


def valid_lines(path: Path, limit: int = LINE_BYTES) -> Iterator[TextLine]:
    """A file line by line, for those to whom every line matters.

    Raises:
        LangueError: the file or one of its lines is no text, or a line has more than `limit` bytes; names the line.
    """
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            raise LangueError(f"{path}, line {line.number}: {line.reason}")
        yield line


def read_blocks(path: Path, limit: int) -> Iterator[ByteBlock | Dropped]:
    """A file in blocks of whole lines; a line that outgrows `limit` bytes is left out without being held whole.

    Raises:
        UnreadableFile: the file cannot be read, or is no text at all.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(_reader(file), path, limit)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None


def _reader(file: BinaryIO) -> Callable[[int], bytes]:
    """A function that reads some bytes of a file, in which every line ends at LF."""
    if not file.seekable():  # a pipe cannot be looked through before it is read
        return file.read
    has_lf = any(b"\n" in chunk for chunk in iter(lambda: file.read(BLOCK_BYTES), b""))
    file.seek(0)
    return file.read if has_lf else lambda size: file.read(size).replace(b"\r", b"\n")


def _blocks(read: Callable[[int], bytes], path: Path, limit: int) -> Iterator[ByteBlock | Dropped]:
    number, rest = 1, b""
    # To read as much again as is held keeps the work linear in the length of a line.
    while chunk := read(max(BLOCK_BYTES, len(rest))):
        data = rest + chunk
        if number == 1:
            _refuse_binary(path, data)
        if cut := _cut(data):
            block = ByteBlock(number, data[:cut])
            yield block
            number, rest = number + block.count_lines(), data[cut:]
        elif len(data) <= limit + 1:  # a CR in the last place is no part of the line
            rest = data
        else:
            size, rest = _skip_line(read, len(data))
            yield Dropped("line too long", str(path), number, size, excerpt(data))
            number += 1
    if rest:
        yield ByteBlock(number, rest)


def _refuse_binary(path: Path, data: bytes) -> None:
    for mark, name in MARKS:
        if data.startswith(mark):
            raise UnreadableFile(f"{path} is in {name}; convert it first: iconv -f {name} -t UTF-8")
    if b"\0" in data:
        raise UnreadableFile(f"{path} is not a text file: it holds NUL bytes")


def _cut(data: bytes) -> int:
    """The place to cut at between lines; 0 if there is none.

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
    return data.rfind(b"\n") + 1


def _skip_line(read: Callable[[int], bytes], size: int) -> tuple[int, bytes]:
    """Pass over a line of which `size` bytes were read; its whole size, and what was read of the next."""
    while chunk := read(BLOCK_BYTES):
        end = chunk.find(b"\n") + 1
        if end:
            return size + end, chunk[end:]
        size += len(chunk)
    return size, b""


def decode_block(block: ByteBlock, limit: int) -> str | None:
    """The text of a block in which nothing is amiss, or None; sound files are read by this alone, at full speed."""
    if len(block.data) > limit or b"\0" in block.data:
        return None
    try:
        text = block.data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if block.number == 1:
        text = text.removeprefix("\ufeff")
    return text.replace("\r\n", "\n") if "\r" in text else text


def split_block(block: ByteBlock, path: Path, limit: int) -> Iterator[TextLine | Dropped]:
    """A block line by line."""
    *ended, rest = block.data.split(b"\n")
    for number, raw in enumerate([*ended, rest] if rest else ended, block.number):
        is_ended = number < block.number + len(ended)
        body = raw.removesuffix(b"\r") if is_ended else raw
        size = len(raw) + is_ended
        reason, text = ("line too long", "") if len(body) > limit else _decode(body)
        if reason:
            yield Dropped(reason, str(path), number, size, excerpt(body))
        else:
            yield TextLine(text.removeprefix("\ufeff") if number == 1 else text, number, size)


def _decode(body: bytes) -> tuple[str, str]:
    """The fault of a line, if it has one, and its text."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "invalid UTF-8", ""
    return ("NUL byte", "") if "\0" in text else ("", text)
