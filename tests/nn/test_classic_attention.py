"""The two attentions before many heads, by hand: one position and one source vector at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from langue.nn.classic_attention import ClassicAttention, CrossKind
from langue.nn.state import EncoderOutput

WIDTH, SOURCE_WIDTH, SEEN = 6, 5, 4


def make(kind: CrossKind) -> ClassicAttention:
    layer = ClassicAttention(kind, WIDTH, SOURCE_WIDTH, bias=True).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    return layer


def energy(layer: ClassicAttention, x: Tensor, h: Tensor) -> Tensor:
    key = layer.key.weight @ h + layer.key.bias
    if layer.query is None or layer.energy is None:
        return torch.dot(x, key)
    return torch.dot(layer.energy, torch.tanh(layer.query.weight @ x + key))


@pytest.mark.parametrize("kind", ["bahdanau", "luong"])
@torch.no_grad()
def test_it_is_its_formula(kind: CrossKind) -> None:
    layer, draws = make(kind), torch.Generator().manual_seed(2)
    x = torch.randn(2, 3, WIDTH, generator=draws, dtype=torch.float64)
    hidden = torch.randn(2, SEEN, SOURCE_WIDTH, generator=draws, dtype=torch.float64)
    lengths = [SEEN, 2]
    memory = EncoderOutput(hidden, torch.arange(SEEN) < torch.tensor(lengths)[:, None], attention_weights=[])
    found = layer(x, memory)
    assert memory.attention_weights is not None
    (looks,) = memory.attention_weights
    for row, length in enumerate(lengths):
        for position in range(3):
            scores = torch.stack([energy(layer, x[row, position], hidden[row, s]) for s in range(length)])
            shares = scores.exp() / scores.exp().sum()
            context = sum(share * hidden[row, s] for s, share in enumerate(shares))
            expected = torch.tanh(layer.output.weight @ torch.cat([context, x[row, position]]) + layer.output.bias)
            torch.testing.assert_close(found[row, position], expected)
            torch.testing.assert_close(looks[row, 0, position, :length], shares)
            assert not looks[row, 0, position, length:].any()
