"""The hash of a single file in its own metadata: a text `langue:` + 64 digits somewhere in the file.

The digits are the SHA-256 of the file with zeros in their place. Formats that carry free text (safetensors, GGUF,
ONNX) take it without other programs noticing.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from langue.errors import LangueError
from langue.files.hashing import recall

_BEFORE = b"langue:"
STAMP = _BEFORE.decode() + "0" * 64
"""The text to put into a file's metadata before `write_stamp`."""

NEAR = 1 << 20
"""Bytes at either end of a file in which its metadata lie, and in which a stamp is looked for."""

_PATTERN = re.compile(re.escape(_BEFORE) + rb"([0-9a-f]{64})")


def write_stamp(path: Path) -> None:
    """Put the digest of a file that was written with `STAMP` in its metadata into its place.

    Raises:
        ValueError: there is no `STAMP` at either end of the file.
    """
    place = _find(path, re.compile(STAMP.encode()))
    if place is None:
        raise ValueError(f"{path} holds no place for a stamp")
    value = _digest(path, place)
    with path.open("r+b") as file:
        file.seek(place + len(_BEFORE))
        file.write(value.encode())


def check_stamp(path: Path) -> None:
    """Compare a file with its stamp, if it has one; a large one that was compared on this machine is known again.

    Raises:
        LangueError: the file is not as it was written.
    """
    place = _find(path, _PATTERN)
    if place is None:
        return
    with path.open("rb") as file:
        file.seek(place + len(_BEFORE))
        stamp = file.read(64).decode()
    if recall(path, "stamp", lambda path: _digest(path, place)) != stamp:
        raise LangueError(f"{path} is damaged or was changed: its bytes are not those that its stamp tells")


def _find(path: Path, pattern: re.Pattern[bytes]) -> int | None:
    """The offset of a stamp in a file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in (0, max(0, size - NEAR)):
            file.seek(start)
            match = pattern.search(file.read(NEAR))
            if match is not None:
                return start + match.start()
    return None


def _digest(path: Path, place: int) -> str:
    """SHA-256 of a file with zeros in the place of its stamp's digits."""
    sha = hashlib.sha256()
    start = place + len(_BEFORE)
    with path.open("rb") as file:
        offset = 0
        while block := file.read(1 << 20):
            low, high = max(start - offset, 0), min(start + 64 - offset, len(block))
            if low < high:
                block = block[:low] + b"0" * (high - low) + block[high:]
            sha.update(block)
            offset += len(block)
    return sha.hexdigest()
