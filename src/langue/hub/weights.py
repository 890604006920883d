"""Safetensors files, read by memory map once every number in their headers has proved true."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from langue.errors import LangueError, check_readable
from langue.files import check_stamp

HEADER_LIMIT = 100_000_000
"""Bytes of the longest header; the format's own limit."""

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types of numbers that weights may be made of, by their names in safetensors."""

_SIZES = {
    **{name: dtype.itemsize for name, dtype in DTYPES.items()},
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
}


@dataclass(frozen=True)
class TensorPlace:
    """Place of a tensor in its file.

    Attributes:
        file: the map of its file.
        dtype: the format's name of its kind of number.
        shape: its shape.
        start: of its first byte in the file.
        end: one past its last byte.
    """

    file: MappedFile
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class MappedFile:
    """A file's bytes, which come from the disk when they are looked at, and into which nobody writes."""

    def __init__(self, path: Path):
        self.path = path
        check_readable(path)
        check_stamp(path)
        with path.open("rb") as file:
            # A private map: what is written to a tensor changes our copy of a page and not the file.
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def release(self, start: int, end: int) -> None:
        """Give the pages between two bytes back, which were copied from and will not be looked at again."""
        page = mmap.PAGESIZE
        first, last = -(-start // page) * page, end // page * page
        if last > first and hasattr(mmap, "MADV_DONTNEED"):  # only POSIX has it, and only Linux gives pages back
            self.map.madvise(mmap.MADV_DONTNEED, first, last - first)


class Weights(Mapping[str, TensorPlace]):
    """The tensors of one or more files by name."""

    def __init__(self, places: Mapping[str, TensorPlace]):
        self._places = dict(places)

    def __getitem__(self, name: str) -> TensorPlace:
        return self._places[name]

    def __iter__(self) -> Any:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def tensor(self, name: str) -> Tensor:
        """The tensor itself, in the file's memory.

        Raises:
            LangueError: it holds no floating-point numbers, or such as only one kind of hardware understands.
        """
        place = self[name]
        dtype = DTYPES.get(place.dtype)
        if dtype is None:
            raise LangueError(
                f"{place.file.path}: {name} holds {place.dtype} numbers, which is a quantized model or no model; "
                f"weights must be one of {', '.join(DTYPES)}"
            )
        count = math.prod(place.shape)
        if count == 0:
            return torch.empty(place.shape, dtype=dtype)
        source: Any = place.file.map
        offset = place.start
        if offset % dtype.itemsize:  # a processor may want numbers to lie at multiples of their size
            source, offset = bytearray(place.file.map[place.start : place.end]), 0
        return torch.frombuffer(source, dtype=dtype, count=count, offset=offset).view(place.shape)

    def release(self, name: str) -> None:
        """Say that a tensor was copied and will not be looked at again."""
        place = self[name]
        place.file.release(place.start, place.end)


def read_weights(path: Path) -> dict[str, TensorPlace]:
    """The tensors of a safetensors file.

    Raises:
        LangueError: it is no such file, was cut off, or its header contradicts itself or the file.
    """
    size = path.stat().st_size
    if size < 8:
        raise LangueError(f"{path} is damaged: {size} bytes are too few for a safetensors file")
    file = MappedFile(path)
    length = int.from_bytes(file.map[:8], "little")
    if length > HEADER_LIMIT:
        raise LangueError(f"{path} is no safetensors file: its header would have {length:,} bytes")
    if 8 + length > size:
        raise LangueError(f"{path} is cut off: its header has {length:,} bytes and the file {size:,}")
    places: dict[str, TensorPlace] = {}
    for name, entry in _header(path, file.map[8 : 8 + length]).items():
        if name != "__metadata__":
            places[name] = _place(file, name, entry, 8 + length)
    _check_coverage(path, places, 8 + length, size)
    return places


def _header(path: Path, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) != len(pairs):
            raise ValueError("a name stands there twice")
        return content

    try:
        header = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise LangueError(f"{path} is damaged: its header cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise LangueError(f"{path} is damaged: its header holds no tensors by name")
    return header


def _place(file: MappedFile, name: str, entry: Any, base: int) -> TensorPlace:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        numbers = [*shape, start, end]
        if not all(type(number) is int and number >= 0 for number in numbers) or not isinstance(dtype, str):
            raise TypeError
    except (TypeError, KeyError, ValueError):
        raise LangueError(f"{file.path} is damaged: its header describes {name!r} wrongly") from None
    if dtype not in _SIZES:
        raise LangueError(f"{file.path}: {name} is made of {dtype} numbers, which Langue does not know")
    needed = math.prod(shape) * _SIZES[dtype]
    if end - start != needed:
        raise LangueError(
            f"{file.path} is damaged: {name} of {'×'.join(map(str, shape))} {dtype} needs {needed:,} bytes "
            f"but its header gives it {end - start:,}"
        )
    return TensorPlace(file, dtype, shape, base + start, base + end)


def _check_coverage(path: Path, places: Mapping[str, TensorPlace], start: int, size: int) -> None:
    """Tensors must follow one another without gap or overlap to the end of the file."""
    reached = start
    for name, place in sorted(places.items(), key=lambda item: (item[1].start, item[1].end)):
        if place.end > size:
            raise LangueError(f"{path} is cut off: {name} ends at byte {place.end:,} and the file at {size:,}")
        if place.start != reached:
            what = "overlaps another" if place.start < reached else "has a gap before it"
            raise LangueError(f"{path} is damaged: by its header, {name} {what}")
        reached = place.end
    if reached != size:
        raise LangueError(f"{path} is damaged: it has {size - reached:,} bytes that its header does not speak of")
