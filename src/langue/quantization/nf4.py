"""Normal floats of four bits with scales in eight (Dettmers et al. 2023, "QLoRA"), to the bit as bitsandbytes has them.

Sixteen levels lie where a normal distribution is cut into equal shares. Each 64 numbers in succession have a scale, the
largest of them; each 256 scales, less the mean of all, are rounded to levels of eight bits, and have one scale more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from langue.quantization.format import ALL, Grid, Rows, WritableFormat

# The levels that bitsandbytes publishes (`get_4bit_type`).
LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip

GROUP = 256
"""Scales that share a scale."""


class NF4(WritableFormat):
    """Value = scale · level of the block."""

    name = "nf4"
    block: ClassVar[int] = 64
    bits = 4.127

    def parts(self, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        blocks = columns // self.block
        return {
            "codes": ((rows, columns // 2), torch.uint8),
            "scales": ((rows, blocks), torch.uint8),
            "groups": ((-(-rows * blocks // GROUP),), torch.float32),
            "offset": ((), torch.float32),
        }

    def fit(self, blocks: Tensor) -> Grid:
        return (blocks.abs().amax(-1, keepdim=True),)

    def round(self, blocks: Tensor, grid: Grid) -> Tensor:
        return _nearest((blocks * (1 / grid[0].clamp(min=1e-38))).clamp(-1, 1), _levels(blocks.device))

    def values(self, levels: Tensor, grid: Grid) -> Tensor:
        return _levels(levels.device)[levels.int()] * grid[0]

    def held(self, grid: Grid) -> Grid:
        return (_scales(_pack_scales(grid[0]), ALL).unsqueeze(-1),)

    def pack(self, levels: Tensor, grid: Grid) -> dict[str, Tensor]:
        first, second = levels.flatten(1).to(torch.uint8).unflatten(1, (-1, 2)).unbind(-1)
        return {"codes": (first << 4) | second, **_pack_scales(grid[0])}

    def unpack(self, parts: Mapping[str, Tensor], rows: Rows = ALL) -> tuple[Tensor, Grid]:
        codes = parts["codes"][rows]
        levels = torch.stack([codes >> 4, codes & 15], -1).flatten(1)
        return self.blocks(levels).float(), (_scales(parts, rows).unsqueeze(-1),)


def _pack_scales(scales: Tensor) -> dict[str, Tensor]:
    """Scales (rows, blocks, 1) in eight bits."""
    flat = scales.flatten()
    offset = flat.mean()
    left = flat - offset
    padded = torch.nn.functional.pad(left, (0, -left.numel() % GROUP)).view(-1, GROUP)
    groups = padded.abs().amax(-1)
    shares = (padded * (1 / groups.clamp(min=1e-38))[:, None]).clamp(-1, 1)
    codes = _nearest(shares, _scale_levels(scales.device)).flatten()[: flat.numel()]
    return {"scales": codes.to(torch.uint8).view(scales.shape[:2]), "groups": groups, "offset": offset}


def _scales(parts: Mapping[str, Tensor], rows: Rows) -> Tensor:
    """The scales of some rows, (rows, blocks) in fp32."""
    codes = parts["scales"]
    count, blocks = codes.shape
    numbers = torch.arange(count, device=codes.device)[rows] if isinstance(rows, slice) else rows
    places = numbers[:, None] * blocks + torch.arange(blocks, device=codes.device)
    return _scale_levels(codes.device)[codes[rows].int()] * parts["groups"][places // GROUP] + parts["offset"]


def _nearest(numbers: Tensor, levels: Tensor) -> Tensor:
    """The number of the level that is nearest to each of (…), as fp32."""
    return torch.bucketize(numbers, (levels[:-1] + levels[1:]) / 2).float()


@cache
def _levels(device: torch.device) -> Tensor:
    return torch.tensor(LEVELS, device=device)


@cache
def _scale_levels(device: torch.device) -> Tensor:
    """The 256 levels of scales: seven decades from 10⁻⁷ to 1 of either sign, each in twice as many steps as the last.

    This is the dynamic map of Dettmers 2015 ("8-Bit Approximations for Parallelism in Deep Learning").
    """
    levels = [0.0, 1.0]
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2**decade + 1)
        middles = 10.0 ** (decade - 6) * ((edges[:-1] + edges[1:]) / 2)
        levels += middles.tolist() + (-middles).tolist()
    return torch.tensor(sorted(levels), device=device)
