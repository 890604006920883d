"""A dense layer: what heads put between a hidden vector and what they make of it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from langue.nn.feedforward import ACTIVATIONS
from langue.nn.linear import make_linear
from langue.nn.roles import HEAD

DenseKind = Literal["none", "tanh", "relu", "gelu", "gelu_tanh"]


class Dense(nn.Module):
    """activation(W·x (+ b)).

    Args:
        width: of x.
        activation: "none" leaves the product as it is.
        outputs: how many numbers it gives; None as many as it gets.
        bias: add b.
    """

    def __init__(self, width: int, activation: DenseKind, outputs: int | None = None, *, bias: bool = True):
        super().__init__()
        self.linear = make_linear(width, (outputs or width,), bias, HEAD)
        self.activation = nn.Identity() if activation == "none" else ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))
