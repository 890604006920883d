"""Rounding that is finer where inputs are large (Lin et al. 2024, "AWQ: activation-aware weight quantization")."""

from __future__ import annotations

import torch
from torch import Tensor

from langue.quantization.calibration import output_error
from langue.quantization.format import WritableFormat

_STEPS = 20
"""Exponents between 0 and 1 that are tried, as many as the paper's."""


@torch.no_grad()
def awq(weight: Tensor, moments: Tensor, format: WritableFormat) -> tuple[dict[str, Tensor], Tensor]:
    """The tensors that hold a matrix (rows, columns), and by which factors its inputs (columns,) are multiplied.

    Columns are multiplied by a power of the size of their inputs before they are rounded, and inputs divided by it. The
    power is that of least error on recorded inputs; power 0 is rounding to the nearest.

    Args:
        weight: the matrix.
        moments: (columns, columns), see `recorded_inputs`.
        format: of the result.
    """
    weight = weight.detach().float()
    sizes = moments.diagonal().sqrt()
    sizes = sizes.clamp(min=max(1e-4 * float(sizes.max()), 1e-20))
    best: tuple[float, dict[str, Tensor], Tensor] | None = None
    for step in range(_STEPS):
        growth = sizes ** (step / _STEPS)
        smooth = (growth.max() * growth.min()).sqrt() / growth
        held = format.quantize(weight / smooth)
        error = output_error(format.dequantize(held) * smooth - weight, moments)
        if best is None or error < best[0]:
            best = error, held, smooth
    assert best is not None
    return best[1:]
