"""Recurrent layers by gathering alone against torch's packed sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from langue.nn.gathered import walk_gathered
from langue.nn.layout import Layout
from langue.nn.recurrent import Recurrent

VALID = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
@torch.no_grad()
def test_padding_anywhere_gives_what_packed_sequences_give(kind: Any, causal: bool) -> None:
    draws = torch.Generator().manual_seed(1)
    layer = Recurrent(kind, 6, 8, causal=causal).double()
    for parameter in layer.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    x = torch.randn(5, 5, 6, generator=draws, dtype=torch.float64)
    assert isinstance(layer.cell, nn.RNNBase)
    expected = layer(x, Layout.of(x[..., 0], VALID, None, causal=causal))
    torch.testing.assert_close(walk_gathered(layer.cell, x, VALID), expected, atol=1e-12, rtol=1e-12)
