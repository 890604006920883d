"""What stands around a layer: norm, dropout and shortcut, in their places."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from langue.nn.block import Sublayer
from langue.nn.embedding import Embedding, Head
from langue.nn.linear import Linear
from langue.nn.norm import RMSNorm
from langue.nn.roles import SHIFT, matrix

X = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))


def twist(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(3 * x) + 1


def test_the_kinds_of_sublayer() -> None:
    norm, after = RMSNorm(4, 1e-5), RMSNorm(4, 1e-5)
    nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(1))
    nn.init.normal_(after.weight, generator=torch.Generator().manual_seed(2))
    expected = {
        ("pre", True): X + twist(norm(X)),
        ("pre", False): twist(norm(X)),
        ("post", True): norm(X + twist(X)),
        ("post", False): norm(twist(X)),
        ("output", True): X + norm(twist(X)),
        ("output", False): norm(twist(X)),
        ("sandwich", True): X + after(twist(norm(X))),
        ("sandwich", False): after(twist(norm(X))),
    }
    for (place, residual), value in expected.items():
        second = after if place == "sandwich" else None
        sublayer = Sublayer(norm, place=place, residual=residual, dropout=0.0, after=second)
        assert torch.equal(sublayer(X, twist), value)


@pytest.mark.parametrize("place", ["pre", "post"])
def test_dropout_falls_on_the_layer_and_not_on_the_shortcut(place: str) -> None:
    sublayer = Sublayer(nn.Identity(), place=place, residual=True, dropout=0.5)
    torch.manual_seed(0)
    added = sublayer(X, twist) - X
    kept = added != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(added[kept], 2 * twist(X)[kept], atol=1e-5, rtol=1e-5)
    assert torch.equal(sublayer.eval()(X, twist), X + twist(X))


def test_embedding_is_scale_times_row_plus_bias() -> None:
    embedding = Embedding(7, 4, bias=True, scale=3.0)
    nn.init.normal_(embedding.table.weight)
    assert embedding.bias is not None
    nn.init.normal_(embedding.bias)
    ids = torch.tensor([[0, 6, 6]])
    one_hot = torch.nn.functional.one_hot(ids, 7).float()
    torch.testing.assert_close(embedding(ids), 3 * one_hot @ embedding.table.weight + embedding.bias)
    assert Embedding(7, 4, bias=False, scale=1.0).bias is None


def test_head_scores_every_token() -> None:
    tied = Embedding(7, 4, bias=False, scale=1.0)
    nn.init.normal_(tied.table.weight)
    assert Head(7, 4, bias=False, tied=tied).output is tied.table
    head = Head(7, 4, bias=True, tied=None)
    nn.init.normal_(head.table.weight)
    nn.init.normal_(head.bias)
    torch.testing.assert_close(head(X), X @ head.table.weight.T + head.bias)


def test_a_stacked_linear_layer_knows_its_pieces() -> None:
    linear = Linear(4, (6, 2, 2), matrix("attention"), None)
    assert linear.weight.shape == (10, 4)
    assert linear.blocks == (6, 2, 2)
    before = torch.get_rng_state()
    Linear(4, (6,), matrix("attention"), SHIFT)
    assert torch.equal(torch.get_rng_state(), before)
