"""Muon: momentum whose every matrix is made orthogonal before it is applied."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from langue import machine
from langue.parallel import part_of, whole

# Polar Express (Amsel, Persson, Musco & Gower 2025, section 3): the best odd quintics, one after the other, for
# singular values from 10⁻³ to 1. Rounding may lift a value above 1, from where they would send it to infinity; so each
# is made for values up to 1.01 (section 4.4).
_COEFFICIENTS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
)
_SAFETY = 1.01


def orthogonalise(matrices: Tensor, iterations: int) -> Tensor:
    """The nearest semi-orthogonal matrices: U·Vᵀ of each U·S·Vᵀ, roughly.

    Args:
        matrices: (N, rows, columns), rows ≤ columns being the cheaper way round.
        iterations: 5 bring singular values above 10⁻³ of the norm to within a few percent of 1.
    """
    x = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) * _SAFETY + 1e-20)
    for number in range(iterations):
        a, b, c = _COEFFICIENTS[min(number, len(_COEFFICIENTS) - 1)]
        a, b, c = a / _SAFETY, b / _SAFETY**3, c / _SAFETY**5
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


@cache
def _multiplies_bf16(device: torch.device) -> bool:
    """True if a device multiplies bf16 matrices at least twice as fast as fp32; directions need no more digits."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any("bf16" in feature for feature in machine.features())


class Muon(torch.optim.Optimizer):
    """MomentUm Orthogonalized by Newton–Schulz (Jordan et al. 2024), for matrices between embedding and head.

    Updates are scaled by 0.2·√max(rows, columns), so that their size is AdamW's and its learning rates fit (Liu et al.
    2025, "Muon is scalable for LLM training", equation 4); weight decay is decoupled. Stacked matrices, such as
    queries, keys and values, are taken one by one; all of one shape are made orthogonal together.

    Args:
        parameters: matrices.
        blocks: rows of each stacked matrix, in the order of the parameters.
        lr: learning rate.
        momentum: memory of gradients, of Nesterov's kind.
        weight_decay: times the learning rate, what a matrix shrinks by in each step.
        iterations: of `orthogonalise`.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        blocks: Iterable[tuple[int, ...]],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        iterations: int,
    ):
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.blocks = list(blocks)
        self.iterations = iterations

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Apply the gradients."""
        group = self.param_groups[0]
        params: list[Tensor] = group["params"]
        grads = [parameter.grad for parameter in params if parameter.grad is not None]
        if len(grads) != len(params):
            raise ValueError("Muon needs a gradient for every one of its matrices")
        momenta = [self._momentum(parameter) for parameter in params]
        torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
        # A direction is that of a whole matrix, of which a process may hold a part.
        updates = torch._foreach_lerp(grads, momenta, group["momentum"])
        updates = [whole(update, like) for update, like in zip(updates, params, strict=True)]
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        for shape, pieces in self._by_shape(updates).items():
            stacked = torch.stack(pieces)
            if stacked.dtype == torch.float32 and _multiplies_bf16(stacked.device):
                stacked = stacked.bfloat16()
            directions = orthogonalise(stacked, self.iterations) * (-group["lr"] * 0.2 * math.sqrt(max(shape)))
            torch._foreach_copy_(pieces, list(directions.to(pieces[0].dtype).unbind()))
        torch._foreach_add_(params, [part_of(update, like) for update, like in zip(updates, params, strict=True)])

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]

    def _by_shape(self, updates: list[Tensor]) -> Mapping[tuple[int, int], list[Tensor]]:
        """Views of all single matrices, lying down, by shape."""
        pieces: dict[tuple[int, int], list[Tensor]] = {}
        for update, rows in zip(updates, self.blocks, strict=True):
            for piece in update.split(rows):
                piece = piece.mT if piece.shape[0] > piece.shape[1] else piece
                pieces.setdefault((piece.shape[0], piece.shape[1]), []).append(piece)
        return pieces
