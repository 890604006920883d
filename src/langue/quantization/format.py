"""The base of all formats of low-bit weights: levels, the grid that they lie on, and the tensors that hold both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from langue import kernels

Grid = tuple[Tensor, ...]
"""The numbers that turn the levels of a block into values, such as a scale; each (rows, blocks, 1)."""

Rows = slice | Tensor
"""Some rows of a matrix: a stretch, or int64 numbers."""

ALL = slice(None)


class Format(ABC):
    """A way to hold a matrix (rows, columns) in few bits: each row in blocks, whose numbers are levels of one grid.

    Attributes:
        name: of the format.
        block: columns of a block; None for whole rows.
        bits: of a number, scales included; of a wide matrix.
    """

    name: ClassVar[str]
    block: ClassVar[int | None]
    bits: ClassVar[float]

    @abstractmethod
    def parts(self, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Shape and kind of each tensor that holds a matrix, by name."""

    @abstractmethod
    def unpack(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> tuple[Tensor, Grid]:
        """Levels (rows, blocks, block) as fp32 and the grid of some rows, on which `values` gives the matrix."""

    @abstractmethod
    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        """The numbers that levels stand for on a grid."""

    def fits(self, columns: int) -> bool:
        """True if rows of so many columns divide into blocks."""
        return columns % (self.block or 1) == 0

    def dequantize(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> Tensor:
        """Some rows of the matrix in fp32, (rows, columns)."""
        return self.values(*self.unpack(parts, rows)).flatten(1)

    def multiply(self, x: Tensor, parts: Mapping[str, Tensor], rows: int, bias: Tensor | None) -> Tensor:
        """x·Wᵀ (+ bias) of (…, columns) and the matrix of so many rows that the tensors hold."""
        held = next(iter(parts.values()))
        return kernels.widened_linear(x, lambda stretch: self.dequantize(parts, stretch), rows, bias, held)

    def blocks(self, weight: Tensor) -> Tensor:
        """(rows, columns) as (rows, blocks, block)."""
        return weight.unflatten(1, (-1, self.block or weight.shape[1]))


class WritableFormat(Format):
    """A format that numbers can be brought into, and not only read from."""

    @abstractmethod
    def fit(self, blocks: Tensor) -> Grid:
        """A grid for the numbers of (rows, blocks, block), from their own extremes."""

    @abstractmethod
    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        """The level nearest to each number, as fp32."""

    @abstractmethod
    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        """The tensors that hold levels (rows, blocks, block) and their grid."""

    def held(self, grid: Grid) -> Grid:
        """A grid as it comes back from the tensors that hold it, which know fewer digits of it."""
        return grid

    def scaled(self, grid: Grid, factor: Tensor | float) -> Grid:
        """A grid whose levels lie closer together around the same middle."""
        return tuple(part * factor for part in grid)

    def quantize(self, weight: Tensor) -> dict[str, Tensor]:
        """A matrix (rows, columns) of finite numbers, each rounded to the nearest level.

        The number of columns divides into blocks.
        """
        blocks = self.blocks(weight.detach().float())
        grid = self.fit(blocks)
        return self.pack(self.round(blocks, grid), grid)


def reciprocal(scale: Tensor) -> Tensor:
    """1/scale, and 0 for 0."""
    return torch.where(scale == 0, 0.0, 1 / scale)
