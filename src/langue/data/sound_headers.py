"""The length of a recording by its own header, so that one which was cut short is noticed.

Programs that write while they record cannot know: what they put there (0, or the greatest number) says nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from langue.data.sound_frames import HEAD, TAIL, ends_within_a_frame, frame_length

OGG_TAIL = 1 << 17
"""Bytes at the end in which the last page of an Ogg file lies; a page has 65,307 at most."""

TAGS = 1 << 12
"""Bytes behind an MP3's metadata in which its length may be told."""


NIST_HEADER = 1 << 14
"""Bytes of a NIST file in which its header lies; most have 1,024."""

FURTHEST = 1 << 62
"""The last byte that may be looked for; a damaged header may say anything."""

COUNTED = frozenset(
    (
        *("WAV", "WAVEX", "RF64", "W64", "AIFF", "SVX", "AU", "CAF", "NIST", "VOC"),
        *("OGG", "FLAC", "MP3", "MPEG", "HTK", "SDS"),
    )
)
"""Libsndfile's names of the formats of which a file that was cut short is noticed, by our own look or by libsndfile.

In others (PAF, PVF, IRCAM, …) half a recording is like a whole one.
"""


def lacks_bytes(file: BinaryIO) -> bool:
    """True for a file that ends before its header says so, an Ogg without its last page, or a stream of frames without
    all of the last one.

    The file is left where it was.
    """
    place = file.seek(0, 1)
    size = file.seek(0, 2)
    magic = _at(file, 0, 12)
    try:
        if magic[:4] == b"OggS":
            return _ogg_lacks(file, size)
        if magic[:3] == b"ID3" or frame_length(magic[:HEAD]):
            return ends_within_a_frame(_at(file, max(0, size - TAIL), TAIL))
        spans = next((spans for start, form, spans in _SPANS if magic.startswith(start) and form in magic[8:]), None)
        return spans is not None and any(length and start + length > size for start, length in spans(file))
    except (struct.error, EOFError):  # the header itself is cut
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


def _chunks(
    file: BinaryIO, place: int, head: str, align: int = 1, counted: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk from a place on.

    Args:
        file: of chunks.
        place: of the first.
        head: the layout of a chunk's name and length.
        align: bytes of whose number a chunk's length is made a multiple.
        counted: bytes of its own head that a length counts.
    """
    width = struct.calcsize(head)
    while len(content := _at(file, place, width)) == width:
        name, length = struct.unpack(head, content)
        length = max(0, length - counted)
        yield name, place + width, length
        place += width + length + -length % align


def _riff(file: BinaryIO) -> Spans:
    large = 0
    for name, start, length in _chunks(file, 12, ">4sI" if _at(file, 0, 4) == b"RIFX" else "<4sI", 2):
        if name == b"ds64":  # of files beyond 4 GB, which say 0xFFFFFFFF below
            (large,) = struct.unpack("<Q", _at(file, start + 8, 8))
        if name == b"data":
            yield start, _known(large, 64) or _known(length)
            return
    raise EOFError


def _form(file: BinaryIO) -> Spans:
    return ((start, _known(length)) for _, start, length in _chunks(file, 12, ">4sI", 2))


def _wave64(file: BinaryIO) -> Spans:
    return ((start, _known(length, 64)) for _, start, length in _chunks(file, 40, "<16sQ", 8, 24))


def _core_audio(file: BinaryIO) -> Spans:
    return ((start, _known(length, 64)) for _, start, length in _chunks(file, 8, ">4sQ"))


def _sun(file: BinaryIO) -> Spans:
    order = ">" if _at(file, 0, 4) == b".snd" else "<"
    start, length = struct.unpack(f"{order}II", _at(file, 4, 8))
    yield start, _known(length)


def _nist(file: BinaryIO) -> Spans:
    header = _at(file, 0, NIST_HEADER)
    numbers = {name: int(value) for name, value in re.findall(rb"(?m)^(\w+) -i (\d{1,18})$", header)}
    start = re.match(rb"NIST_1A\n *(\d{1,9})\n", header)
    if start is None:
        raise EOFError
    width = numbers.get(b"channel_count", 1) * numbers.get(b"sample_n_bytes", 1)
    yield int(start[1]), numbers.get(b"sample_count", 0) * width


def _creative(file: BinaryIO) -> Spans:
    """Each block of a VOC, up to the one that ends it."""
    (place,) = struct.unpack("<H", _at(file, 20, 2))
    while len(head := _at(file, place, 4)) == 4 and 1 <= head[0] <= 9:
        length = int.from_bytes(head[1:], "little")
        yield place + 4, length
        place += 4 + length


def _known(length: int, bits: int = 32) -> int:
    """A length that means itself; 0 for 0 and the greatest numbers, which stand for one that was not known."""
    signed = 1 << (bits - 1)
    return 0 if length >= 2 * signed - 4096 or signed - 4096 <= length < signed else length


Spans = Iterator[tuple[int, int]]
"""The first byte and the length of each part of a file, by its header; a length of 0 is not known."""

_SPANS: tuple[tuple[bytes, bytes, Callable[[BinaryIO], Spans]], ...] = (
    *((magic, b"WAVE", _riff) for magic in (b"RIFF", b"RIFX", b"RF64")),
    *((b"FORM", kind, _form) for kind in (b"AIF", b"SV")),
    *((magic, b"", _sun) for magic in (b".snd", b"dns.")),
    (b"riff\x2e\x91\xcf\x11", b"", _wave64),
    (b"caff", b"", _core_audio),
    (b"NIST_1A", b"", _nist),
    (b"Creative Voi", b"", _creative),
)
"""The beginning of a file, what stands in bytes 8 to 11 of it, and what its header says."""


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
    file.seek(min(place, FURTHEST))
    return file.read(count)
