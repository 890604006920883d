"""The hash of a single file in its own metadata: a text `langue:SIZE:SHA-256` somewhere in the file.

SIZE are the file's bytes in 16 hexadecimal digits, and the hash is that of the file with zeros in the place of its own
64 digits. Formats that carry free text (safetensors, GGUF, ONNX) take it without other programs noticing; where another
program copies it into a file of its own, the size tells that it is not of that file.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from langue.errors import LangueError
from langue.files.hashing import recall

STAMP = "langue:" + "0" * 16 + ":" + "0" * 64
"""The text to put into a file's metadata before `write_stamp`."""

NEAR = 1 << 20
"""Bytes at either end of a file in which its metadata lie, and in which a stamp is looked for."""

_PATTERN = re.compile(rb"langue:([0-9a-f]{16}):([0-9a-f]{64})")
_DIGEST = 64


def write_stamp(path: Path) -> None:
    """Put size and digest of a file that was written with `STAMP` in its metadata into their place.

    Raises:
        ValueError: there is no `STAMP` at either end of the file.
    """
    place = _find(path, re.compile(STAMP.encode()))
    if place is None:
        raise ValueError(f"{path} holds no place for a stamp")
    start, end = place
    with path.open("r+b") as file:
        file.seek(start)
        file.write(f"langue:{path.stat().st_size:016x}:".encode())
        file.flush()
        digest = _digest(path, end - _DIGEST)
        file.write(digest.encode())


def check_stamp(path: Path) -> None:
    """Compare a file with its stamp, if it has one; a large one that was compared on this machine is known again.

    Raises:
        LangueError: the file is not as it was written.
    """
    place = _find(path, _PATTERN)
    if place is None:
        return
    start, end = place
    with path.open("rb") as file:
        file.seek(start)
        _, size, digest = file.read(end - start).decode().split(":")
    if int(size, 16) != path.stat().st_size:
        return  # of the file that another program made this one from
    if recall(path, "stamp", lambda path: _digest(path, end - _DIGEST)) != digest:
        raise LangueError(
            f"{path} is damaged or was changed: its bytes have another hash than its metadata tell; bring it back from "
            f"a copy, or take the hash out of the metadata if the change was meant"
        )


def _find(path: Path, pattern: re.Pattern[bytes]) -> tuple[int, int] | None:
    """The offsets at which a stamp begins and ends in a file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in (0, max(0, size - NEAR)):
            file.seek(start)
            match = pattern.search(file.read(NEAR))
            if match is not None:
                return start + match.start(), start + match.end()
    return None


def _digest(path: Path, start: int) -> str:
    """SHA-256 of a file with zeros in the place of its stamp's digest, which begins at `start`."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        offset = 0
        while block := file.read(1 << 20):
            low, high = max(start - offset, 0), min(start + _DIGEST - offset, len(block))
            if low < high:
                block = block[:low] + b"0" * (high - low) + block[high:]
            sha.update(block)
            offset += len(block)
    return sha.hexdigest()
