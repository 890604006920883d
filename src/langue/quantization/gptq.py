"""Rounding that makes up for itself (Frantar et al. 2023, "GPTQ"), and then improves on itself.

Columns are rounded one after the other, those first whose inputs are largest, and the columns that are left take over
what each rounding changed of the output, as far as their inputs go along with its. Afterwards scales and levels are
chosen anew by turns, each for what the others are by now: scales by least squares, levels column by column (Behdin et
al. 2023, "QuantEase"). On layers of SmolLM2 (q4_0), that and scales chosen by what an error costs in the end, not by
the size of its input, take an eighth of the squared error on other texts away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from langue.quantization.calibration import output_error
from langue.quantization.format import Grid, WritableFormat

DAMPING = 0.03
"""Share of the mean of the Hessian's diagonal that is added to it; the paper's 0.01 and 0.1 leave more error on other
texts than those that were recorded."""

TURNS = 2
"""Times that scales and levels are chosen anew; a third takes half a per cent more of the error away."""

_AT_ONCE = 128
"""Columns whose changes are handed on to the rest in one product."""

_ROWS = 64
"""Rows whose scales are worked out in one product."""

_SPANS = tuple(1.05 - 0.025 * step for step in range(19))
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
    hessian = moments.clone()
    hessian.diagonal().add_(DAMPING * moments.diagonal().mean())
    order = hessian.diagonal().argsort(descending=True)
    factor = _inverse_factor(hessian[order][:, order])
    # The price of an error in a column for which those behind it have made up as far as they can.
    prices = torch.empty_like(moments[0])
    prices[order] = factor.diagonal() ** -2
    grid = format.held(fitted(format.blocks(weight), prices, format))
    levels = format.blocks(_levels(weight, order, factor, format, grid))
    candidates = [format.pack(levels, grid), nearest]
    for _ in range(TURNS):
        grid = refitted(weight, hessian, levels, format, grid)
        levels = reconsidered(weight, hessian, levels, format, grid)
    candidates.append(format.pack(levels, refitted(weight, hessian, levels, format, grid)))
    return min(candidates, key=lambda parts: output_error(format.dequantize(parts) - weight, moments))


def fitted(blocks: Tensor, importance: Tensor, format: WritableFormat) -> Grid:
    """The grid for (rows, blocks, block) whose squared error is least, each column by its importance (columns,)."""
    widest = format.fit(blocks)
    importance = importance.view(blocks.shape[1:])
    least = torch.full((*blocks.shape[:2], 1), torch.inf, device=blocks.device)
    span = torch.ones_like(least)
    for factor in (*_SPANS, *(-span for span in _SPANS if format.is_lopsided)):
        grid = format.scaled(widest, factor)
        error = (
            (format.values(format.round(blocks, grid), grid) - blocks).square().mul(importance).sum(-1, keepdim=True)
        )
        span[error < least] = factor
        least = torch.minimum(least, error)
    return format.scaled(widest, span)


def refitted(weight: Tensor, hessian: Tensor, levels: Tensor, format: WritableFormat, grid: Grid) -> Grid:
    """The grid by which given levels (rows, blocks, block) come nearest to a matrix, by least squares.

    Values are linear in the numbers of a grid, so that those of all blocks of a row follow from one system.

    Args:
        weight: (rows, columns).
        hessian: (columns, columns), by which errors are weighed.
        levels: as they stay.
        format: of the result.
        grid: from which it is worked out.
    """
    units = [tuple(torch.full_like(part[:1, :1], float(part is one)) for part in grid) for one in grid]
    apart = hessian.unflatten(0, (levels.shape[1], -1))
    change = weight - format.values(levels, grid).flatten(1)
    fitted_parts = [part.clone() for part in grid]
    for first in range(0, len(weight), _ROWS):
        rows = slice(first, first + _ROWS)
        basis = torch.stack([format.values(levels[rows], unit) for unit in units], 2)  # (rows, blocks, units, block)
        outputs = torch.einsum("rbks,bsc->rbkc", basis, apart)
        seen = torch.einsum("rbkds,rdls->rbkdl", outputs.unflatten(-1, apart.shape[:2]), basis)
        wanted = torch.einsum("rbkc,rc->rbk", outputs, change[rows])
        system = seen.flatten(3).flatten(1, 2).double()
        ridge = 1e-6 * system.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-30)
        system.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
        steps = torch.linalg.solve(system, wanted.flatten(1).double()).view(wanted.shape).float()
        for part, step in zip(fitted_parts, steps.unbind(-1), strict=True):
            part[rows] += step[..., None]
    return format.held(tuple(fitted_parts))


def reconsidered(weight: Tensor, hessian: Tensor, levels: Tensor, format: WritableFormat, grid: Grid) -> Tensor:
    """Levels (rows, blocks, block), chosen anew one column after the other for what all others are by then.

    The arguments are those of `refitted`.
    """
    values = format.values(levels, grid).flatten(1)
    chosen, diagonal = levels.flatten(1).clone(), hessian.diagonal()
    pull = (weight - values) @ hessian  # half the gradient
    for columns in _stretches(weight.shape[1]):
        own, moved = pull[:, columns].clone(), torch.zeros_like(pull[:, columns])
        for i, column in enumerate(range(columns.start, columns.stop)):
            target = values[:, column] + own[:, i] / diagonal[column]
            level, value = _nearest(target, column, levels.shape[2], format, grid)
            chosen[:, column], moved[:, i] = level, value - values[:, column]
            own[:, i:] -= moved[:, i, None] * hessian[column, column : columns.stop]
        pull -= moved @ hessian[columns]
    return chosen.view(levels.shape)


def _levels(weight: Tensor, order: Tensor, factor: Tensor, format: WritableFormat, grid: Grid) -> Tensor:
    """The level of each number, (rows, columns), chosen in an order of columns by their inverse factor."""
    size = format.block or weight.shape[1]
    left, levels = weight[:, order].clone(), torch.empty_like(weight)
    for columns in _stretches(len(order)):
        part, own = left[:, columns], factor[columns, columns]
        errors = torch.empty_like(part)
        for i, column in enumerate(order[columns].tolist()):
            levels[:, column], value = _nearest(part[:, i], column, size, format, grid)
            errors[:, i] = (part[:, i] - value) / own[i, i]
            part[:, i:] -= errors[:, i, None] * own[i, i:]
        left[:, columns.stop :] -= errors @ factor[columns, columns.stop :]
    return levels


def _nearest(numbers: Tensor, column: int, size: int, format: WritableFormat, grid: Grid) -> tuple[Tensor, Tensor]:
    """The levels nearest to the numbers (rows,) of a column, and their values."""
    own = tuple(part[:, column // size, None] for part in grid)
    level = format.round(numbers[:, None, None], own)
    return level.flatten(), format.values(level, own).flatten()


def _stretches(count: int) -> list[slice]:
    """Columns that are worked on before the rest hears of it."""
    return [slice(first, min(first + _AT_ONCE, count)) for first in range(0, count, _AT_ONCE)]


def _inverse_factor(hessian: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of a Hessian."""
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian.double()))
    return torch.linalg.cholesky(inverse, upper=True).float()
