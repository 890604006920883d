"""Sixteen bits: the first half of an fp32 number, with all of its range and two to three of its digits."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from langue.quantization.format import ALL, Grid, Rows, WritableFormat


class BF16(WritableFormat):
    """Each number for itself, without a grid."""

    name = "bf16"
    block, bits = None, 16.0

    def parts(self, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        return {"numbers": ((rows, columns), torch.bfloat16)}

    def fit(self, blocks: Tensor) -> Grid:
        return ()

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        return blocks.bfloat16().float()

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return levels

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        return {"numbers": levels.flatten(1).bfloat16()}

    def unpack(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> tuple[Tensor, Grid]:
        return parts["numbers"][rows].float()[:, None], ()
