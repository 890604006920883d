"""Eight bits with one scale for each row: a product in integers, and one multiplication of its result."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from langue import kernels
from langue.quantization.format import ALL, Grid, Rows, WritableFormat, reciprocal


class Int8(WritableFormat):
    """Value = scale of the row · level, levels from −127 to 127.

    Args:
        digits: of eight bits, that a number of the input is rounded to before it is multiplied.
    """

    name = "int8"
    block, bits = None, 8.0

    def __init__(self, digits: int = 2):
        self.digits = digits

    def parts(self, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        return {"codes": ((rows, columns), torch.int8), "scales": ((rows,), torch.float32)}

    def fit(self, blocks: Tensor) -> Grid:
        return (blocks.abs().amax(-1, keepdim=True) / 127,)

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        return (blocks * reciprocal(grid[0])).round().clamp(-127, 127)

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return levels * grid[0]

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        return {"codes": levels.flatten(1).to(torch.int8), "scales": grid[0].flatten()}

    def unpack(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> tuple[Tensor, Grid]:
        return parts["codes"][rows].float()[:, None], (parts["scales"][rows][:, None, None],)

    def multiply(self, x: Tensor, parts: Mapping[str, Tensor], rows: int, bias: Tensor | None) -> Tensor:
        return kernels.int8_linear(x, parts["codes"], parts["scales"], bias, self.digits)
