"""Dropout whose dice are sixteen bits each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FACES = 1 << 16


class Dropout(nn.Module):
    """Each number is dropped with a probability, and what is left is enlarged so that the mean stays (Srivastava 2014).

    On a CPU, torch takes 64 bits of its generator for each number, which is most of the time that it takes; they are
    dice enough for four. So a probability is rounded to 1/65,536, and what is left is enlarged by just that.

    Args:
        probability: of dropping a number, 0 … 1.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape."""
        if not self.training or not self.probability:
            return x
        dropped = round(self.probability * _FACES)
        if x.device.type != "cpu" or torch.compiler.is_compiling() or dropped in (0, _FACES):
            return F.dropout(x, self.probability)
        # From the least number on, all 64 bits are drawn; without it the first would always be 0.
        dice = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
        kept = dice.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - _FACES // 2
        return x * kept * (_FACES / (_FACES - dropped))

    def extra_repr(self) -> str:
        return str(self.probability)
