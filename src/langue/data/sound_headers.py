"""The length of a recording by its own header, so that one which was cut short is noticed.

Programs that write while they record cannot know: what they put there (0, or the greatest number) says nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

OGG_TAIL = 1 << 17
"""Bytes at the end in which the last page of an Ogg file lies; a page has 65,307 at most."""

TAGS = 1 << 12
"""Bytes behind an MP3's metadata in which its length may be told."""


def lacks_bytes(file: BinaryIO) -> bool:
    """True for a file that ends before its header says so: RIFF, RF64, AIFF, AU, or an Ogg without its last page.

    The file is left where it was.
    """
    place = file.seek(0, 1)
    size = file.seek(0, 2)
    file.seek(0)
    magic = file.read(12)
    try:
        if magic[:4] in (b"RIFF", b"RF64") and magic[8:] == b"WAVE":
            return _riff_lacks(file, size)
        if magic[:4] == b"FORM" and magic[8:11] == b"AIF":
            return any(_counts(length) and start + length > size for _, start, length in _chunks(file, ">"))
        if magic[:4] == b".snd":
            start, length = struct.unpack(">II", magic[4:12])
            return _counts(length) and start + length > size
        return magic[:4] == b"OggS" and _ogg_lacks(file, size)
    except struct.error:  # the header itself is cut
        return True
    finally:
        file.seek(place)


def says_its_length(file: BinaryIO) -> bool:
    """True for an MP3 with Xing's or Fraunhofer's tag that counts its frames; else its length is guessed.

    The file is left where it was.
    """
    place = file.seek(0, 1)
    file.seek(0)
    start = file.read(10)
    if start[:3] == b"ID3":
        size = 0
        for byte in start[6:10]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
    else:
        file.seek(0)
    begins = file.read(TAGS)
    file.seek(place)
    return any(tag in begins for tag in (b"Xing", b"Info", b"VBRI"))


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk behind a header of 12 bytes."""
    place = 12
    while len(head := _at(file, place, 8)) == 8:
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, place + 8, length
        place += 8 + length + length % 2


def _riff_lacks(file: BinaryIO, size: int) -> bool:
    large = None
    for name, start, length in _chunks(file, "<"):
        if name == b"ds64":  # of files beyond 4 GB, which say 0xFFFFFFFF below
            (large,) = struct.unpack("<Q", _at(file, start + 8, 8))
        if name == b"data":
            return start + large > size if large else _counts(length) and start + length > size
    return True


def _counts(length: int) -> bool:
    """True for a length that means itself; 0 and the greatest numbers stand for one that was not known."""
    return not (length == 0 or length >= 0xFFFFF000 or 0x7FFFF000 <= length <= 0x7FFFFFFF)


def _ogg_lacks(file: BinaryIO, size: int) -> bool:
    """True where the last page is not whole, or is not marked as the last (RFC 3533, section 6)."""
    first = max(0, size - OGG_TAIL)
    tail = _at(file, first, OGG_TAIL)
    start = tail.rfind(b"OggS")
    header = tail[start : start + 27] if start >= 0 else b""
    if len(header) < 27:
        return True
    lengths = tail[start + 27 : start + 27 + header[26]]
    whole = len(lengths) == header[26] and start + 27 + len(lengths) + sum(lengths) <= len(tail)
    return not (whole and header[5] & 4)


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
