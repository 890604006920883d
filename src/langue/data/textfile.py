"""Documents of a plain text file: all of it, each line, or each paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from langue.data.lines import BLOCK_BYTES, ByteBlock, decode_block, read_blocks, read_lines, split_block
from langue.data.records import DocumentPiece, Dropped, is_blank

BLANK_PIECES = 16
"""After so many pieces of white space, it is taken for text rather than held back any longer."""


def by_file(path: Path, limit: int) -> Iterator[DocumentPiece | Dropped]:
    """The whole file as one document, in pieces of some 64 KiB; a file of white space alone is an empty one."""
    blank: list[DocumentPiece] = []
    held: DocumentPiece | None = None
    for block in read_blocks(path, limit):
        for event in [block] if isinstance(block, Dropped) else _decode(block, path, limit):
            if isinstance(event, Dropped):
                yield event
            elif held is None and is_blank(event.text) and len(blank) < BLANK_PIECES:
                blank.append(event)
            else:
                yield from blank
                if held is not None:
                    yield held
                held, blank = event, []
    if held is not None:
        yield held._replace(ends=True)
    elif blank:
        size, records = sum(piece.size for piece in blank), sum(piece.records for piece in blank)
        yield Dropped("empty", str(path), 1, size, "", records)


def _decode(block: ByteBlock, path: Path, limit: int) -> Iterator[DocumentPiece | Dropped]:
    """A block as one piece: at once if it is sound, else without the lines that are not."""
    text = decode_block(block, limit)
    if text is not None:
        yield DocumentPiece(text, False, len(block.data), block.count_lines())
        return
    sound = []
    for line in split_block(block, path, limit):
        if isinstance(line, Dropped):
            yield line
        else:
            sound.append(line)
    if sound:
        last = block.number + block.count_lines() - 1
        open_end = sound[-1].number == last and not block.data.endswith(b"\n")
        text = "\n".join(line.text for line in sound) + ("" if open_end else "\n")
        yield DocumentPiece(text, False, sum(line.size for line in sound), len(sound))


def by_line(path: Path, limit: int) -> Iterator[DocumentPiece | Dropped]:
    """Each line as a document, without its end."""
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            yield line
        elif is_blank(line.text):
            yield Dropped("empty", str(path), line.number, line.size, line.text)
        else:
            yield DocumentPiece(line.text, True, line.size)


def by_paragraph(path: Path, limit: int) -> Iterator[DocumentPiece | Dropped]:
    """Each run of lines between blank lines as a document; blank lines count as read with the one before them."""
    held: list[str] = []
    size = records = length = 0
    blank = begun = False
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            yield line
            continue
        # A paragraph goes on until text follows a blank line; a long one is handed on in pieces meanwhile.
        if (blank and begun and not is_blank(line.text)) or length > BLOCK_BYTES:
            ends = blank and not is_blank(line.text)
            yield DocumentPiece("\n".join(held) + "\n" * (not blank), ends, size, records)
            held, size, records, length, begun = [], 0, 0, 0, not ends
        size, records, blank = size + line.size, records + 1, is_blank(line.text)
        if not blank:
            held.append(line.text)
            length += len(line.text)
            begun = True
    if begun:
        yield DocumentPiece("\n".join(held), True, size, records)
    elif records:
        yield Dropped("empty", str(path), 1, size, "", records)


BY_UNIT = {"file": by_file, "line": by_line, "paragraph": by_paragraph}
