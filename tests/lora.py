"""A toy adapter (Hu et al. 2021, "LoRA"): a linear layer whose matrix is frozen, with B·A beside it, which learns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from langue.nn.linear import Linear
from langue.nn.roles import ZEROS, Role

RANK = 2


class Adapted(Linear):
    """y = x·(W + B·A)ᵀ (+ b)."""

    def __init__(self, input_width: int, blocks: tuple[int, ...], bias: bool, role: Role):
        super().__init__(input_width, blocks, bias, role)
        self.weight.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(RANK, input_width))
        self.up = nn.Parameter(torch.empty(sum(blocks), RANK))
        self.roles |= {"down": Role("adapter"), "up": Role("adapter", ZEROS)}

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + input @ self.down.T @ self.up.T

    def plain(self) -> dict[str, Tensor]:
        weight = {"weight": self.weight + self.up @ self.down}
        return weight if self.bias is None else {**weight, "bias": self.bias}


def of_trunk(input_width: int, blocks: tuple[int, ...], bias: bool, role: Role) -> Linear:
    """Adapters in the trunk alone."""
    make: Callable[..., Linear] = Adapted if role.kind == "matrix" else Linear
    return make(input_width, blocks, bias, role)
