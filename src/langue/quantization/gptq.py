"""Rounding that makes up for itself (Frantar et al. 2023, "GPTQ").

Columns are rounded one after the other, those first whose inputs are largest, and the columns that are left take over
what each rounding changed of the output, as far as their inputs go along with its.
"""

from __future__ import annotations

import torch
from torch import Tensor

from langue.quantization.calibration import output_error
from langue.quantization.format import Grid, WritableFormat

DAMPING = 0.01
"""Share of the mean of the Hessian's diagonal that is added to it, as the paper has it."""

_AT_ONCE = 128
"""Columns whose changes are handed on to the rest in one product."""

_SPANS = tuple(1.0 - 0.05 * step for step in range(8))
"""Widths of a block's grid that are tried: to cut off its largest number may be better for all others."""


@torch.no_grad()
def gptq(weight: Tensor, moments: Tensor, format: WritableFormat) -> dict[str, Tensor]:
    """The tensors that hold a matrix (rows, columns), chosen for its output on recorded inputs.

    Its error there is never above that of rounding to the nearest.

    Args:
        weight: the matrix.
        moments: (columns, columns), see `recorded_inputs`.
        format: of the result.
    """
    weight = weight.detach().float()
    nearest = format.quantize(weight)
    if not moments.any():
        return nearest
    grid = format.held(fitted(format.blocks(weight), moments.diagonal(), format))
    chosen = format.pack(format.blocks(_levels(weight, moments, format, grid)), grid)
    errors = [output_error(format.dequantize(parts) - weight, moments) for parts in (chosen, nearest)]
    return chosen if errors[0] <= errors[1] else nearest


def fitted(blocks: Tensor, importance: Tensor, format: WritableFormat) -> Grid:
    """The grid for (rows, blocks, block) whose squared error is least, each column by its importance (columns,)."""
    widest = format.fit(blocks)
    importance = importance.view(blocks.shape[1:])
    least = torch.full((*blocks.shape[:2], 1), torch.inf, device=blocks.device)
    span = torch.ones_like(least)
    for factor in _SPANS:
        grid = format.scaled(widest, factor)
        error = (
            (format.values(format.round(blocks, grid), grid) - blocks).square().mul(importance).sum(-1, keepdim=True)
        )
        span[error < least] = factor
        least = torch.minimum(least, error)
    return format.scaled(widest, span)


def _levels(weight: Tensor, moments: Tensor, format: WritableFormat, grid: Grid) -> Tensor:
    """The level of each number, (rows, columns)."""
    order = moments.diagonal().argsort(descending=True)
    size = format.block or weight.shape[1]
    inverse = _inverse_factor(moments[order][:, order])
    left, levels = weight[:, order].clone(), torch.empty_like(weight)
    for first in range(0, len(order), _AT_ONCE):
        columns = slice(first, min(first + _AT_ONCE, len(order)))
        part, factor = left[:, columns], inverse[columns, columns]
        errors = torch.empty_like(part)
        for i, column in enumerate(order[columns].tolist()):
            own = tuple(values[:, column // size, None] for values in grid)
            level = format.round(part[:, i, None, None], own)
            levels[:, column] = level.flatten()
            errors[:, i] = (part[:, i] - format.values(level, own).flatten()) / factor[i, i]
            part[:, i:] -= errors[:, i, None] * factor[i, i:]
        left[:, columns.stop :] -= errors @ inverse[columns, columns.stop :]
    return levels


def _inverse_factor(moments: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of the damped Hessian."""
    hessian = moments.double()
    hessian.diagonal().add_(DAMPING * hessian.diagonal().mean())
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True).float()
