"""The blocks of llama.cpp's GGUF files, in their own bytes: Q8_0, Q4_0 and Q4_1 of 32 numbers, Q4_K and Q6_K of 256.

A row of blocks is a row of bytes, as it stands in a file. Levels and values are those of the `gguf` package to the bit.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from langue.quantization.format import ALL, Format, Grid, Rows, WritableFormat, reciprocal


class GGMLFormat(Format):
    """A format of GGUF's: one tensor `packed` of (rows, bytes).

    Attributes:
        size: bytes of a block.
    """

    block: ClassVar[int]
    size: ClassVar[int]

    def parts(self, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        return {"packed": ((rows, columns // self.block * self.size), torch.uint8)}

    def unpack(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> tuple[Tensor, Grid]:
        return self.unpack_bytes(parts["packed"][rows].unflatten(1, (-1, self.size)))

    @abstractmethod
    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        """Levels and grid of (rows, blocks, size) bytes."""


class Q8_0(GGMLFormat, WritableFormat):
    """Eight bits, value = scale · level."""

    name = "q8_0"
    block, size, bits = 32, 34, 8.5

    def fit(self, blocks: Tensor) -> Grid:
        return (blocks.abs().amax(-1, keepdim=True) / 127,)

    def held(self, grid: Grid) -> Grid:
        return _halved(grid)

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        scaled = blocks * reciprocal(grid[0])
        size, floor = scaled.abs(), scaled.abs().floor()
        return (scaled.sign() * (floor + (2 * (size - floor)).floor())).clamp(-127, 127)

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return levels * grid[0]

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        return _packed(*_bytes(grid), levels.to(torch.int8).view(torch.uint8))

    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        scale, levels = blocks.split([2, 32], -1)
        return levels.view(torch.int8).float(), _numbers(scale)


class Q4_0(GGMLFormat, WritableFormat):
    """Four bits, value = scale · (level − 8), the number farthest from zero being level 0."""

    name = "q4_0"
    block, size, bits = 32, 18, 4.5

    def fit(self, blocks: Tensor) -> Grid:
        return (blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True)) / -8,)

    def held(self, grid: Grid) -> Grid:
        return _halved(grid)

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        return (blocks * reciprocal(grid[0]) + 8.5).trunc().clamp(0, 15)

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return (levels - 8) * grid[0]

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        return _packed(*_bytes(grid), _nibbles(levels))

    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        scale, codes = blocks.split([2, 16], -1)
        return _levels(codes), _numbers(scale)


class Q4_1(GGMLFormat, WritableFormat):
    """Four bits, value = scale · level + smallest."""

    name = "q4_1"
    block, size, bits = 32, 20, 5.0

    def fit(self, blocks: Tensor) -> Grid:
        smallest, largest = blocks.amin(-1, keepdim=True), blocks.amax(-1, keepdim=True)
        return (largest - smallest) / 15, smallest

    def held(self, grid: Grid) -> Grid:
        return _halved(grid)

    def scaled(self, grid: Grid, factor: Tensor | float) -> Grid:
        scale, smallest = grid
        return scale * factor, smallest + 7.5 * scale * (1 - factor)

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        return ((blocks - grid[1]) * reciprocal(grid[0]) + 0.5).trunc().clamp(0, 15)

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return levels * grid[0] + grid[1]

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        return _packed(*_bytes(grid), _nibbles(levels))

    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        scale, smallest, codes = blocks.split([2, 2, 16], -1)
        return _levels(codes), (*_numbers(scale), *_numbers(smallest))


class Q4_K(GGMLFormat):
    """Four bits in groups of 32 of a block, whose scales and smallest numbers have six bits and scales of their own."""

    name = "q4_k"
    block, size, bits = 256, 144, 4.5

    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        scale, smallest, packed, codes = blocks.split([2, 2, 12, 128], -1)
        scales, low = _six_bits(packed)
        grid = _numbers(scale)[0] * scales, _numbers(smallest)[0] * low
        # 32 bytes hold two groups of 32, one in their lower halves and one in their upper.
        return _levels(codes.unflatten(-1, (4, 32))).flatten(2), grid

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        scale, low = (part.unsqueeze(-1) for part in grid)
        return (levels.unflatten(-1, (8, 32)) * scale - low).flatten(2)


class Q6_K(GGMLFormat):
    """Six bits in groups of 16 of a block, whose scales have eight bits and a scale of their own."""

    name = "q6_k"
    block, size, bits = 256, 210, 6.5625

    def unpack_bytes(self, blocks: Tensor) -> tuple[Tensor, Grid]:
        lower, upper, scales, scale = blocks.split([128, 64, 16, 2], -1)
        low = _levels(lower.unflatten(-1, (2, 64))).unflatten(-1, (4, 32)).flatten(2, 3)
        shifts = torch.tensor([0, 2, 4, 6], dtype=torch.uint8, device=blocks.device)
        high = (upper.unflatten(-1, (2, 1, 32)) >> shifts[:, None]) & 3
        levels = low + 16 * high.flatten(2, 3) - 32
        return levels.flatten(2), (_numbers(scale)[0] * scales.contiguous().view(torch.int8),)

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return (levels.unflatten(-1, (16, 16)) * grid[0].unsqueeze(-1)).flatten(2)


def _six_bits(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight smallest numbers of six bits each in (…, 12) bytes."""
    scales, low, rest = packed.unflatten(-1, (3, 4)).unbind(-2)
    return (
        torch.cat([scales & 63, (rest & 15) | ((scales >> 2) & 48)], -1),
        torch.cat([low & 63, (rest >> 4) | ((low >> 2) & 48)], -1),
    )


def _halved(grid: Grid) -> Grid:
    return tuple(part.half().float() for part in grid)


def _bytes(grid: Grid) -> list[Tensor]:
    """Each number of a grid as the two bytes of fp16."""
    return [part.half().view(torch.uint8) for part in grid]


def _numbers(blocks: Tensor) -> Grid:
    """The number in fp16 that stands in each two bytes (…, 2), as (…, 1) in fp32."""
    return (blocks.contiguous().view(torch.float16).float(),)


def _nibbles(levels: Tensor) -> Tensor:
    """Levels (…, 32) in (…, 16) bytes: the first half of them in the lower halves."""
    low, high = levels.to(torch.uint8).chunk(2, -1)
    return low | (high << 4)


def _levels(codes: Tensor) -> Tensor:
    """The levels of bytes (…, n), as (…, 2 n) in fp32: their lower halves, then their upper."""
    return torch.cat([codes & 15, codes >> 4], -1).float()


def _packed(*parts: Tensor) -> dict[str, Tensor]:
    return {"packed": torch.cat(parts, -1).flatten(1)}
