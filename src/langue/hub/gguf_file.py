"""GGUF files: settings by name and tensors in blocks, each looked at only where the file can hold it.

A file may declare sizes it does not have, so every count is held against the bytes that are left before anything is
made of it; the `gguf` library's own reader trusts them, and loops without end over an array that lies about its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from langue.errors import LangueError, unreadable
from langue.extra import need
from langue.files import check_file, check_stamp
from langue.hub.cursor import Cursor

gguf = need("gguf", "formats", "GGUF")

# Value types of the settings, by number, as struct writes them; 8 is text and 9 a list.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_LENGTH = "Q"
"""Format of the length of a text, as struct writes it."""

# How the numbers of a tensor are packed: those whose unpacking is held against a reference.
KINDS = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K")

_AT_ONCE = 1 << 20
"""Numbers that are unpacked at once."""


@dataclass(frozen=True)
class PackedTensor:
    """A tensor in a file.

    Attributes:
        shape: as torch has it, the last dimension being contiguous.
        kind: how its numbers are packed, such as "Q4_1".
        start: its first byte.
        row_bytes: bytes of each stretch along the last dimension.
    """

    shape: tuple[int, ...]
    kind: str
    start: int
    row_bytes: int


class GGUFFile:
    """A GGUF file of version 2 or 3, by memory map.

    Attributes:
        path: of the file.
        settings: values by name; lists of numbers are arrays.
        tensors: the place of each.

    Raises:
        LangueError: it is no such file, it ends too early, or it declares what it cannot hold.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            self._bytes = np.memmap(self.path, dtype=np.uint8, mode="r")
        except FileNotFoundError:
            raise LangueError(f"{path} does not exist") from None
        except PermissionError as error:
            raise unreadable(path, error) from None
        except (OSError, ValueError) as error:  # a ValueError is an empty file
            raise LangueError(f"{path} cannot be read as GGUF: {error}") from None
        check_stamp(check_file(self.path))
        cursor = _SettingsCursor(self._bytes, self.path)
        tensor_count, setting_count = _header(cursor)
        self.settings: dict[str, Any] = {}
        # The shortest setting is a name's length, a type and one byte; the shortest tensor a length and four numbers.
        for _ in range(cursor.affordable(setting_count, 13, "settings")):
            name = cursor.text(_LENGTH)
            if name in self.settings:
                raise cursor.damaged(f"{name!r} stands there twice")
            self.settings[name] = cursor.value()
        places = [_place(cursor) for _ in range(cursor.affordable(tensor_count, 24, "tensors"))]
        self.tensors = _tensors(cursor, places, self.settings.get("general.alignment", 32))

    def setting(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """A setting that must be of a type, or the default where it is absent; a default of None asks for it."""
        value = self.settings.get(name, default)
        if value is None:
            raise LangueError(f"{self.path} does not say its {name}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise LangueError(f"{self.path} is damaged: its {name} is {type(value).__name__}")
        return value

    def rows(self, name: str) -> Iterator[tuple[int, np.ndarray]]:
        """A tensor's numbers in fp32, some rows at a time: the number of the first, and (rows, last dimension).

        Raises:
            LangueError: they are packed in a way that Langue does not know.
        """
        tensor = self.tensors[name]
        if tensor.kind not in KINDS:
            raise LangueError(
                f"{self.path} packs {name} as {tensor.kind}, which Langue does not read; it reads {', '.join(KINDS)}"
            )
        count = math.prod(tensor.shape[:-1])
        packed = self._bytes[tensor.start : tensor.start + count * tensor.row_bytes].reshape(count, tensor.row_bytes)
        step = max(1, _AT_ONCE // tensor.shape[-1])
        kind = gguf.GGMLQuantizationType[tensor.kind]
        for first in range(0, count, step):
            piece = np.ascontiguousarray(packed[first : first + step])
            if tensor.kind in ("F32", "F16"):
                piece = piece.view(np.float32 if tensor.kind == "F32" else np.float16)
            yield first, gguf.quants.dequantize(piece, kind)

    def packed(self, name: str) -> np.ndarray:
        """A copy of a tensor's bytes as they stand there, (rows, bytes)."""
        tensor = self.tensors[name]
        count = math.prod(tensor.shape[:-1])
        stretch = self._bytes[tensor.start : tensor.start + count * tensor.row_bytes]
        return np.array(stretch).reshape(count, tensor.row_bytes)


class _SettingsCursor(Cursor):
    """Reads GGUF's settings."""

    def value(self) -> Any:
        """The next value of any type."""
        kind = self.number("I")
        if kind == _LIST:
            return self._list()
        if kind == _TEXT:
            return self.text(_LENGTH)
        if kind not in _SCALARS:
            raise self.damaged(f"it holds a value of the unknown type {kind}")
        return self.number(_SCALARS[kind])

    def _list(self) -> Any:
        kind, count = self.number("I"), self.number("Q")
        if kind == _TEXT:
            return [self.text(_LENGTH) for _ in range(self.affordable(count, 8, "texts"))]
        if kind not in _SCALARS:
            raise self.damaged(f"it holds a list of the unknown type {kind}")
        dtype = np.dtype("<" + _SCALARS[kind]) if kind != 7 else np.dtype(np.bool_)
        content = self.bytes(self.affordable(count, dtype.itemsize, "numbers") * dtype.itemsize)
        return np.frombuffer(content, dtype)


def _header(cursor: _SettingsCursor) -> tuple[int, int]:
    """Numbers of tensors and settings."""
    if cursor.left < 8 or bytes(cursor.bytes(4)) != b"GGUF":
        raise LangueError(f"{cursor.path} is not a GGUF file")
    version = cursor.number("I")
    if version not in (2, 3):
        what = "of a machine with the other byte order" if version & 0xFFFF == 0 else f"of version {version}"
        raise LangueError(f"{cursor.path} is GGUF {what}; Langue reads versions 2 and 3, little-endian")
    return cursor.number("Q"), cursor.number("Q")


def _place(cursor: _SettingsCursor) -> tuple[str, tuple[int, ...], int, int]:
    """Name, shape, kind and offset of one tensor, as declared."""
    name, dimensions = cursor.text(_LENGTH), cursor.number("I")
    if not 1 <= dimensions <= 4:
        raise cursor.damaged(f"{name} has {dimensions} dimensions")
    shape = tuple(cursor.number("Q") for _ in range(dimensions))
    return name, shape[::-1], cursor.number("I"), cursor.number("Q")


def _tensors(
    cursor: _SettingsCursor, places: list[tuple[str, tuple[int, ...], int, int]], alignment: Any
) -> dict[str, PackedTensor]:
    """Places of the tensors, once all of them are known to lie inside the file."""
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise cursor.damaged(f"general.alignment is {alignment}, which is no power of two")
    data = -(-cursor.place // alignment) * alignment
    tensors: dict[str, PackedTensor] = {}
    for name, shape, number, offset in places:
        try:
            kind = gguf.GGMLQuantizationType(number)
        except ValueError:
            raise cursor.damaged(f"{name} is packed in the unknown way {number}") from None
        block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        if name in tensors:
            raise cursor.damaged(f"{name} stands there twice")
        if 0 in shape or shape[-1] % block:
            raise cursor.damaged(f"{name} has the shape {shape}, which {kind.name} cannot pack")
        row_bytes = shape[-1] // block * block_bytes
        if data + offset + math.prod(shape[:-1]) * row_bytes > cursor.size:
            raise cursor.damaged(f"{name} would end beyond the file's {cursor.size} bytes; perhaps it was cut short")
        tensors[name] = PackedTensor(shape, kind.name, data + offset, row_bytes)
    return tensors
