"""A stream: an endless sequence of training rows that can be asked for any of them, in any order, at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import overload

import numpy as np

from langue.batch import Example

LOOKAHEAD = 1024
"""Rows whose places are worked out together, since NumPy takes as long for twelve as for hundreds."""


class ArrayRows(Sequence[Example]):
    """Rows of equal length as examples; all of them lie in one array for each name.

    Attributes:
        arrays: (rows, …) by name.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.arrays = arrays

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> ArrayRows: ...
    def __getitem__(self, index: int | slice) -> Example | ArrayRows:
        chosen = {name: array[index] for name, array in self.arrays.items()}
        return ArrayRows(chosen) if isinstance(index, slice) else chosen


class RowStream(ABC):
    """Training rows, each a pure function of its number."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Rows of one pass through the data."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> ArrayRows:
        """The rows of these numbers, (count,) int64, in their order.

        Each has `ids` (context + 1,) int64, and `documents` likewise where documents are told apart.
        """

    def rows(self, first: int, count: int) -> ArrayRows:
        """Rows first … first + count − 1."""
        return self.take(np.arange(first, first + count, dtype=np.int64))


class Lookahead:
    """Asks a function of row numbers for a whole block of neighbours and remembers the last, which changes no answer.

    Args:
        locate: from row numbers (count,) to places (count,).
        pass_size: rows of one pass; a block is no longer, so that it touches two epochs at most.
    """

    def __init__(self, locate: Callable[[np.ndarray], np.ndarray], pass_size: int):
        self._locate = locate
        self._size = min(LOOKAHEAD, pass_size)
        self._held: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        block = int(rows[0]) // self._size if len(rows) else 0
        first = block * self._size
        if len(rows) == 0 or int(rows.min()) < first or int(rows.max()) >= first + self._size:
            return self._locate(rows)
        held, places = self._held
        if held != block:
            places = self._locate(np.arange(first, first + self._size, dtype=np.int64))
            self._held = (block, places)
        return places[rows - first]
