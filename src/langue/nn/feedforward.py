"""The feedforward layer: what each position does with what it knows, by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.nn.linear import Linear
from langue.tracing import is_exporting

FeedforwardKind = Literal["gelu", "gelu_tanh", "relu", "relu2", "silu", "swiglu", "geglu", "none"]


class _ReluSquared(torch.autograd.Function):
    """Keeps one tensor and takes one pass back; torch's own chain of relu and square takes five (a tenth of a step)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        (positive,) = ctx.saved_tensors
        return (grad * positive).mul_(2)


def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)² (So et al. 2021, "Primer", section 3)."""
    return F.relu(x).square() if is_exporting() else _ReluSquared.apply(x)


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation of GELU (Hendrycks & Gimpel 2016, section 2) that GPT-2 was trained with."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "relu": F.relu,
    "relu2": relu_squared,
    "silu": F.silu,
    "swiglu": F.silu,
    "geglu": gelu_tanh,
    "tanh": torch.tanh,
}
GATED = ("swiglu", "geglu")


class Feedforward(nn.Module):
    """output(activation(input(x))), or for the gated kinds output(activation(gate(x)) · input(x)) (Shazeer 2020)."""

    def __init__(self, kind: FeedforwardKind, width: int, hidden_width: int, *, bias: bool):
        super().__init__()
        self.activation = ACTIVATIONS[kind]
        self.gated = kind in GATED
        self.input = Linear(width, (hidden_width, hidden_width) if self.gated else (hidden_width,), bias)
        self.output = Linear(hidden_width, (width,), bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.input(x)
        if self.gated:
            gate, hidden = hidden.chunk(2, -1)
            return self.output(self.activation(gate) * hidden)
        return self.output(self.activation(hidden))
