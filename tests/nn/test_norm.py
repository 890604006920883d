"""Norms against torch's layers and their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from langue.nn.norm import LayerNorm, OffsetRMSNorm, RMSNorm, make_norm

X = torch.randn(3, 4, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3 + 1


def scramble(*modules: nn.Module) -> None:
    for module in modules:
        module.double()
        draws = torch.Generator().manual_seed(1)
        for parameter in module.parameters():
            nn.init.normal_(parameter, generator=draws)


@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_is_torchs(bias: bool) -> None:
    ours, theirs = LayerNorm(10, 1e-3, bias), nn.LayerNorm(10, eps=1e-3, bias=bias)
    scramble(ours, theirs)
    torch.testing.assert_close(ours(X), theirs(X))
    centred = X - X.mean(-1, keepdim=True)
    formula = centred / (centred.square().mean(-1, keepdim=True) + 1e-3).sqrt() * ours.weight
    torch.testing.assert_close(ours(X), formula if ours.bias is None else formula + ours.bias)


def test_rms_norm_is_torchs() -> None:
    ours, theirs = RMSNorm(10, 1e-3), nn.RMSNorm(10, eps=1e-3)
    scramble(ours, theirs)
    torch.testing.assert_close(ours(X), theirs(X))
    torch.testing.assert_close(ours(X), X / (X.square().mean(-1, keepdim=True) + 1e-3).sqrt() * ours.weight)


def test_an_offset_is_added_to_the_weights() -> None:
    ours, theirs = OffsetRMSNorm(10, 1e-3), RMSNorm(10, 1e-3)
    assert torch.equal(ours.double()(X), theirs.double()(X))
    scramble(ours)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight + 1)
    torch.testing.assert_close(ours(X), theirs(X))


def test_kinds_by_name() -> None:
    assert isinstance(make_norm("rms_offset", 10, 1e-5, bias=True), OffsetRMSNorm)
    assert isinstance(make_norm("rms", 10, 1e-5, bias=True), RMSNorm)
    layer = make_norm("layer", 10, 1e-5, bias=False)
    assert isinstance(layer, LayerNorm)
    assert layer.bias is None
    assert make_norm("none", 10, 1e-5, bias=True)(X) is X
