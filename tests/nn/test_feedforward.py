"""Every kind of feedforward layer against its formula."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from langue.nn.feedforward import GATED, Feedforward, FeedforwardKind

FORMULAS = {
    "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: torch.where(x > 0, x, 0),
    "relu2": lambda x: torch.where(x > 0, x * x, 0),
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "swiglu": lambda x: x / (1 + torch.exp(-x)),
    "geglu": lambda x: x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "geglu_exact": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
}


def test_every_kind_has_a_formula() -> None:
    assert FORMULAS.keys() == set(get_args(FeedforwardKind)) - {"none"}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", FORMULAS)
def test_a_kind_is_its_formula(kind: FeedforwardKind, bias: bool) -> None:
    layer = Feedforward(kind, 6, 9, bias=bias).double()
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    x = torch.randn(2, 3, 6, generator=draws, dtype=torch.float64)

    def linear(weight: Tensor, shift: Tensor | float, y: Tensor) -> Tensor:
        return torch.einsum("oi,bti->bto", weight, y) + shift

    weight = layer.input.weight
    shift = layer.input.bias if bias else torch.zeros(len(weight), dtype=x.dtype)
    if kind in GATED:
        gate, value = linear(weight[:9], shift[:9], x), linear(weight[9:], shift[9:], x)
        inner = FORMULAS[kind](gate) * value
    else:
        inner = FORMULAS[kind](linear(weight, shift, x))
    expected = linear(layer.output.weight, layer.output.bias if bias else 0.0, inner)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("kind", FORMULAS)
def test_its_gradient_is_the_slope_of_its_values(kind: FeedforwardKind) -> None:
    layer = Feedforward(kind, 3, 5, bias=True).double()
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    x = torch.randn(2, 3, generator=draws, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *inputs: layer(inputs[0]), (x, *layer.parameters()))
