"""SentencePiece's model files (Kudo and Richardson 2018), read as the lists they are.

The file is a message of Protocol Buffers, `ModelProto`, of which a few fields are of use. They are read here, because
SentencePiece's own library gives away the rules of normalization only by way of a second library.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from langue.errors import LangueError

# Kinds of pieces, as `ModelProto.SentencePiece.Type` numbers them.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

UNIGRAM, BPE = 1, 2
"""Models, as `TrainerSpec.ModelType` numbers them; the others, of words and of characters, nobody publishes."""

LARGEST = 100_000_000
"""Bytes of a file that is read; one of a quarter of a million pieces has 4 million."""


@dataclass(frozen=True)
class Pieces:
    """The content of a model file.

    Attributes:
        path: where it is.
        names: the pieces; a piece's number is its place.
        scores: log-probabilities of a Unigram model; of BPE, what decides which pair merges first.
        kinds: NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED or BYTE.
        model: UNIGRAM or BPE.
        characters: rules of normalization as SentencePiece compiled them; empty for none.
        prefix: a space is put before a text.
        collapse: spaces at the ends of a text fall away, and of several in succession one stays.
    """

    path: Path
    names: Sequence[str]
    scores: Sequence[float]
    kinds: Sequence[int]
    model: int
    characters: bytes
    prefix: bool
    collapse: bool


def read_pieces(path: Path) -> Pieces:
    """Read a model file.

    Raises:
        LangueError: it is damaged, or of a kind that Langue does not know.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise LangueError(f"{path} has {path.stat().st_size:,} bytes, which is too large for a list of pieces")
        message = path.read_bytes()
    except OSError as error:
        raise LangueError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _check(_parse(path, message))
    except (ValueError, TypeError, IndexError, struct.error) as error:
        raise LangueError(f"{path} is no model file of SentencePiece's, or damaged: {error}") from None


def _parse(path: Path, message: bytes) -> Pieces:
    pieces: list[dict[int, Any]] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(message):
        if number == 1:
            pieces.append(dict(_fields(value)))
        elif number == 2:
            trainer |= dict(_fields(value))
        elif number == 3:
            normalizer |= dict(_fields(value))
    if trainer.get(24, 0) or not normalizer.get(5, 1):
        raise LangueError(f"{path} has its spaces behind words or leaves them as they are, which Langue does not know")
    return Pieces(
        path,
        names=[_text(piece.get(1, b"")).decode("utf-8") for piece in pieces],
        scores=[_decimal(piece.get(2, bytes(4))) for piece in pieces],
        kinds=[piece.get(3, NORMAL) for piece in pieces],
        model=trainer.get(3, UNIGRAM),
        characters=_text(normalizer.get(2, b"")),
        prefix=bool(normalizer.get(3, 1)),
        collapse=bool(normalizer.get(4, 1)),
    )


def _text(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number stands where a text belongs")
    return value


def _decimal(content: bytes) -> float:
    """A number of single precision by its shortest decimals, which the engine's JSON gives back to the bit."""
    return float(str(np.float32(struct.unpack("<f", content)[0])))


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: their number, and a whole number or the bytes of whatever else it is.

    See "Encoding" in the documentation of Protocol Buffers.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"there is no field of kind {kind}")
        if size > len(message) - place:
            raise ValueError("it is cut off")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A whole number, of which each byte holds seven bits and says whether another follows, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it is cut off")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number in it has no end")


def _check(pieces: Pieces) -> Pieces:
    if pieces.model not in (UNIGRAM, BPE):
        raise LangueError(f"{pieces.path} is a model of words or characters; Langue reads Unigram and BPE")
    if pieces.kinds.count(UNKNOWN) != 1:
        raise ValueError("it has not one piece for what is unknown")
    if not all(pieces.names) or len(set(pieces.names)) < len(pieces.names):
        raise ValueError("a piece has no name, or that of another")
    if not all(type(kind) is int and NORMAL <= kind <= BYTE for kind in pieces.kinds):
        raise ValueError("there is no such kind of piece")
    if not all(math.isfinite(score) for score in pieces.scores):
        raise ValueError("a score is no number")
    if any(" " in name for name in pieces.names):
        raise ValueError("a piece has a space in it")
    if pieces.characters:
        _check_characters(pieces.characters)
    if NORMAL not in pieces.kinds:
        raise ValueError("it has no pieces")
    return pieces


def _check_characters(content: bytes) -> None:
    """Refuse rules out of which a text could lead the engine, which trusts them.

    They are the size of an automaton in bytes, the automaton (darts-clone's double array: units of 32 bits, each of
    which says where those that may follow it begin), and texts that end in zeros, at one of which it arrives.
    """
    size = struct.unpack_from("<I", content)[0]
    if not 4 <= size <= len(content) - 4 or size % 4:
        raise ValueError("its rules of normalization are cut off")
    units = np.frombuffer(content, "<u4", size // 4, 4).astype(np.int64)
    texts = content[4 + size :]
    texts.decode("utf-8")
    ends = units >> 31 == 1
    step = (units >> 10) << ((units & (1 << 9)) >> 6)
    # From a unit on, the places of the 256 bytes that may follow share all but their last eight bits.
    first = (np.arange(len(units)) ^ step)[~ends]
    outside = ((first | 255) >= len(units)).any()
    # One that says that a text may end here has a unit which tells of that at the first of them; the root is no such.
    telling = first[(units[~ends] >> 8) & 1 == 1]
    if outside or ends[0] or not ends[telling].all():
        raise ValueError("its rules of normalization lead out of themselves")
    begins = units[ends] & 0x7FFFFFFF
    inside = np.append(np.frombuffer(texts, np.uint8), 0) & 0xC0 == 0x80
    if (begins > len(texts)).any() or inside[begins].any():
        raise ValueError("its rules of normalization lead out of themselves")
