"""Reading of binary files that somebody else wrote."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from langue.errors import LangueError


class Cursor:
    """A file's content, read from front to back and never past its end.

    Attributes:
        place: the next byte.
        size: of the file, in bytes.
    """

    def __init__(self, content: np.ndarray, path: Path):
        self.path, self.place, self.size = path, 0, len(content)
        self._view = content.data

    @property
    def left(self) -> int:
        return self.size - self.place

    def damaged(self, why: str) -> LangueError:
        """The error about a file that contradicts itself."""
        return LangueError(f"{self.path} is damaged: {why}")

    def affordable(self, count: int, size: int, what: str) -> int:
        """The count, once it is certain that so many things of a size fit into what is left."""
        if count * size > self.left:
            raise self.damaged(f"it declares {count} {what}, for which its {self.size} bytes have no room")
        return count

    def bytes(self, count: int) -> memoryview:
        """The next bytes."""
        if count > self.left:
            raise self.damaged(f"it ends after {self.size} bytes, in the middle of something")
        self.place += count
        return self._view[self.place - count : self.place]

    def number(self, code: str) -> Any:
        """The next number, of a kind that `struct` names, little-endian."""
        return struct.unpack(f"<{code}", self.bytes(struct.calcsize(f"<{code}")))[0]

    def text(self, code: str) -> str:
        """The next text in UTF-8, behind its length as a number of a kind."""
        content = self.bytes(self.affordable(self.number(code), 1, "bytes of text"))
        try:
            return str(content, "utf-8")
        except UnicodeDecodeError:
            raise self.damaged("a text in it is not UTF-8") from None
