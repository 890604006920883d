"""Dropout as a layer."""

from __future__ import annotations

from torch import Tensor, nn

from langue import kernels


class Dropout(nn.Module):
    """Each number is dropped with a probability, and what is left is enlarged so that the mean stays (Srivastava 2014).

    Args:
        probability: of dropping a number, 0 … 1; rounded to 1/65,536.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """x (B, …)."""
        return kernels.drop(x, self.probability) if self.training and self.probability else x

    def extra_repr(self) -> str:
        return str(self.probability)
