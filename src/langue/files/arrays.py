"""Flat arrays on the disk, in NumPy's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class FlatFile:
    """An array of a known shape that is written in parts, so that nobody need hold all of it.

    A full disk raises an OSError with its number. NumPy's own `save` and `tofile` write by a buffer of C's, whose last
    bytes are lost without a word when the disk fills up just then.
    """

    def __init__(self, path: Path, kind: np.dtype | type, shape: tuple[int, ...]):
        described = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
        self._file = path.open("wb")
        np.lib.format.write_array_header_1_0(self._file, described)

    def write(self, part: np.ndarray) -> None:
        """Write the next of its numbers."""
        self._file.write(np.ascontiguousarray(part).data)

    def __enter__(self) -> FlatFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a whole array."""
    with FlatFile(path, array.dtype, array.shape) as file:
        file.write(array)
