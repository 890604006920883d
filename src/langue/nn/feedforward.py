"""The feedforward layer: what each position does with what it knows, by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.nn.linear import make_linear
from langue.nn.norm import make_norm
from langue.nn.roles import matrix, output

FeedforwardKind = Literal["gelu", "gelu_tanh", "relu", "relu2", "silu", "swiglu", "geglu", "geglu_exact", "none"]


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation of GELU (Hendrycks & Gimpel 2016, section 2) that GPT-2 was trained with."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "relu": F.relu,
    "relu2": kernels.relu_squared,
    "silu": F.silu,
    "swiglu": F.silu,
    "geglu": gelu_tanh,
    "geglu_exact": F.gelu,
    "tanh": torch.tanh,
}
GATED = ("swiglu", "geglu", "geglu_exact")


class Feedforward(nn.Module):
    """output(activation(input(x))), or for the gated kinds output(activation(gate(x)) · input(x)) (Shazeer 2020)."""

    def __init__(self, kind: FeedforwardKind, width: int, hidden_width: int, *, bias: bool):
        super().__init__()
        self.activation = ACTIVATIONS[kind]
        self.gated = kind in GATED
        blocks = (hidden_width, hidden_width) if self.gated else (hidden_width,)
        self.input = make_linear(width, blocks, bias, matrix("feedforward"))
        self.output = make_linear(hidden_width, (width,), bias, output("feedforward"))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.input(x)
        if self.gated:
            gate, hidden = hidden.chunk(2, -1)
            return self.output(self.activation(gate) * hidden)
        return self.output(self.activation(hidden))


class Bottleneck(nn.Module):
    """x + output(relu(input(norm(x)))), narrow inside: an adapter behind large layers, which may keep what they know
    while it learns (Houlsby et al. 2019, section 2.1).

    Args:
        width: of x.
        hidden_width: inside.
    """

    def __init__(self, width: int, hidden_width: int):
        super().__init__()
        self.norm = make_norm("layer", width, 1e-5, True)
        self.input = make_linear(width, (hidden_width,), True, matrix("bottleneck"))
        self.output = make_linear(hidden_width, (width,), True, output("bottleneck"))

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same shape."""
        return x + self.output(F.relu(self.input(self.norm(x))))
