"""Read plain text of any size in bounded memory, and leave out what is no text, line by line.

Lines end as Python's text files end them: by LF, CR LF or CR, all of which become LF. A byte-order mark of UTF-8 at a
file's beginning is taken off.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from langue.data.records import EMPTY, INVALID_UTF8, LONG_LINE, Dropped, Piece, excerpt
from langue.errors import LangueError

BLOCK_BYTES = 1 << 16
"""How much is read, and so encoded, at once: large enough to hide Python's cost, small enough to fill all cores."""


class Block(NamedTuple):
    """Raw bytes from the beginning of one line to the end of another."""

    number: int
    """The number of its first line, from 1."""
    data: bytes


class Line(NamedTuple):
    """One line without its end."""

    text: str
    number: int
    size: int
    """Its bytes in the file, line end included."""


def blocks(path: Path, limit: int) -> Iterator[Block | Dropped]:
    """A file's lines in blocks; a line that outgrows `limit` bytes is left out without ever being held whole.

    Raises:
        LangueError: the file cannot be read, or holds no text.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(file, path, limit)
    except OSError as error:
        raise LangueError(f"{path} cannot be read: {error.strerror}") from None


def _blocks(file: BinaryIO, path: Path, limit: int) -> Iterator[Block | Dropped]:
    number, rest = 1, b""
    # Reading as much again as is held keeps the work linear in the length of a line.
    while chunk := file.read(max(BLOCK_BYTES, len(rest))):
        data = rest + chunk
        if number == 1:
            _refuse_binary(path, data)
        if cut := _cut(data):
            yield Block(number, data[:cut])
            number += _count_lines(data[:cut])
            rest = data[cut:]
        elif len(data) <= limit:
            rest = data
        else:
            size, rest = _skip_line(file, len(data))
            yield Dropped(LONG_LINE, str(path), number, size, excerpt(data))
            number += 1
    if rest:
        yield Block(number, rest)


def _refuse_binary(path: Path, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LangueError(f"{path} is UTF-16; convert it to UTF-8 first, e.g. iconv -f UTF-16 -t UTF-8")
    if b"\0" in data:
        raise LangueError(f"{path} is not text: it holds zero bytes; give UTF-8 text")


def _cut(data: bytes) -> int:
    """Where to cut between lines, 0 if nowhere.

    Preferred is a place where a single line end stands between two visible characters. Tokenizers cut there anyway,
    while a run of white space is often one token, so that a document is encoded as if it had come in one piece.
    """
    # A CR in the last place may be the first half of a CR LF.
    last = 1 + max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1))
    place = data.rfind(b"\n", 0, len(data) - 1)
    for _ in range(100):
        if place <= 0:
            break
        before = data[place - 2 : place - 1] if data[place - 1 : place] == b"\r" else data[place - 1 : place]
        if not data[place + 1 : place + 2].isspace() and not before.isspace():
            return place + 1
        place = data.rfind(b"\n", 0, place)
    return last


def _count_lines(data: bytes) -> int:
    if b"\r" in data:
        return len(data.splitlines())
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _skip_line(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """Read to the end of a line of which `size` bytes have been read; its whole size, and what was read after it."""
    while chunk := file.read(BLOCK_BYTES):
        first = chunk.splitlines(True)[0]
        if first.endswith(b"\r") and len(first) == len(chunk):
            chunk += file.read(1)
            first = chunk.splitlines(True)[0]
        size += len(first)
        if first.endswith((b"\r", b"\n")):
            return size, chunk[len(first) :]
    return size, b""


def _split(block: Block, path: Path, limit: int) -> Iterator[Line | Dropped]:
    for number, raw in enumerate(block.data.splitlines(True), block.number):
        body = raw.rstrip(b"\r\n")
        if len(body) > limit:
            yield Dropped(LONG_LINE, str(path), number, len(raw), excerpt(body))
            continue
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            yield Dropped(INVALID_UTF8, str(path), number, len(raw), excerpt(body))
            continue
        yield Line(text.removeprefix("\ufeff") if number == 1 else text, number, len(raw))


def lines(path: Path, limit: int) -> Iterator[Line | Dropped]:
    """A file line by line.

    Raises:
        LangueError: the file cannot be read, or holds no text.
    """
    for block in blocks(path, limit):
        if isinstance(block, Dropped):
            yield block
        else:
            yield from _split(block, path, limit)


def _decode(block: Block, path: Path, limit: int) -> Iterator[Piece | Dropped]:
    """A block as one piece: at once if it is sound, else without the lines that are not."""
    if len(block.data) <= limit:
        try:
            text = block.data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            text = text.removeprefix("\ufeff") if block.number == 1 else text
            if "\r" in text:
                text = text.replace("\r\n", "\n").replace("\r", "\n")
            yield Piece(text, False, _count_lines(block.data), len(block.data))
            return
    sound = []
    for line in _split(block, path, limit):
        if isinstance(line, Dropped):
            yield line
        else:
            sound.append(line)
    if sound:
        ended = block.data.endswith((b"\r", b"\n")) or sound[-1].number < block.number + _count_lines(block.data) - 1
        text = "\n".join(line.text for line in sound) + "\n" * ended
        yield Piece(text, False, len(sound), sum(line.size for line in sound))


def by_file(path: Path, limit: int) -> Iterator[Piece | Dropped]:
    """The whole file as one document; a file of white space is an empty one."""
    held, first, any_line = None, True, False
    for block in blocks(path, limit):
        any_line = True
        for event in [block] if isinstance(block, Dropped) else _decode(block, path, limit):
            if isinstance(event, Dropped):
                yield event
                continue
            if held is not None:
                yield held
                first = False
            held = event
    if held is not None and not (first and _blank(held.text)):
        yield held._replace(ends=True)
    elif held is not None or not any_line:
        records, size = (held.records, held.size) if held else (1, 0)
        yield Dropped(EMPTY, str(path), 1, size, "", records)


def by_line(path: Path, limit: int) -> Iterator[Piece | Dropped]:
    """Each line as a document."""
    for line in lines(path, limit):
        if isinstance(line, Dropped):
            yield line
        elif _blank(line.text):
            yield Dropped(EMPTY, str(path), line.number, line.size, line.text)
        else:
            yield Piece(line.text, True, 1, line.size)


def by_paragraph(path: Path, limit: int) -> Iterator[Piece | Dropped]:
    """Each run of lines between blank lines as a document; the blank lines count as read with it."""
    held: list[str] = []
    records = size = length = 0
    number, begun = 1, False
    for line in lines(path, limit):
        if isinstance(line, Dropped):
            yield line
            continue
        number, records, size = line.number, records + 1, size + line.size
        blank = _blank(line.text)
        if not blank:
            held.append(line.text)
            length += len(line.text)
        if (blank and (held or begun)) or length > BLOCK_BYTES:
            yield Piece("\n".join(held) + "\n" * (not blank), blank, records, size)
            held, records, size, length, begun = [], 0, 0, 0, not blank
    if held or begun:
        yield Piece("\n".join(held), True, records, size)
    elif records:
        yield Dropped(EMPTY, str(path), number, size, "", records)


def _blank(text: str) -> bool:
    return not text or text.isspace()
