"""Dropout keeps the share and the mean that it says, in every element alike, and is still where nothing is trained."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from langue import kernels
from langue.kernels.dropout import drop, dropping_by, of_rows
from langue.nn.dropout import Dropout
from langue.randomness import row_keys


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 0.9])
def test_what_is_left_is_the_share_it_should_be_and_keeps_the_mean(probability):
    torch.manual_seed(3)
    count = 1_000_000
    found = Dropout(probability)(torch.ones(count))
    kept = found != 0
    deviation = math.sqrt(count * probability * (1 - probability))
    # Of four numbers that come from one draw, none is dropped more often, and none goes with its neighbour.
    for lane in range(4):
        assert abs(int(kept[lane::4].sum()) - (1 - probability) * count / 4) < 4.5 * deviation / 2
    together = int((kept[1:] & kept[:-1]).sum())
    assert together == pytest.approx((1 - probability) ** 2 * count, abs=4.5 * deviation)
    assert torch.equal(found[kept], torch.full((int(kept.sum()),), 1 / (1 - round(probability * 65536) / 65536)))
    assert found.mean() == pytest.approx(1, abs=4.5 * deviation / count / (1 - probability))


def test_gradients_go_where_numbers_went():
    x = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)  # no multiple of four
    torch.manual_seed(0)
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert torch.allclose(y, x * x.grad)
    assert 0 < int((x.grad == 0).sum()) < 35
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.3)(x), y)


def test_extremes_and_evaluation_leave_nothing_to_chance():
    x = torch.randn(4, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert torch.equal(Dropout(1.0)(x), torch.zeros(4, 4))
    assert torch.equal(Dropout(1e-9)(x), x)


KEYS = row_keys(0, 100, 4, 1)


def dropped(shape, keys=KEYS, layer=0, probability=0.3):
    """Where numbers are dropped by the call after so many others."""
    with dropping_by(keys):
        return [drop(torch.ones(shape), probability) == 0 for _ in range(layer + 1)][-1]


@pytest.mark.parametrize("shape", [(4, 1000), (4, 9, 50), (4, 3, 7, 30)])
def test_a_row_drops_the_same_alone_as_in_any_batch(shape):
    whole = dropped(shape)
    for row in range(4):
        assert torch.equal(dropped((1, *shape[1:]), KEYS[row : row + 1])[0], whole[row])
    assert torch.equal(dropped((2, *shape[1:]), KEYS[1:3]), whole[1:3])
    for found in (whole[0] == whole[1], whole == dropped(shape, layer=1)):  # as often as by chance
        assert found.float().mean() == pytest.approx(0.3**2 + 0.7**2, abs=0.08)


def test_padding_changes_nothing_before_it():
    assert torch.equal(dropped((4, 9, 50)), dropped((4, 20, 50))[:, :9])
    assert torch.equal(dropped((4, 3, 7, 10)), dropped((4, 3, 12, 31))[:, :, :7, :10])


@pytest.mark.parametrize("shape", [(4, 200_000), (4, 100, 2000), (4, 2, 100, 1000)])
def test_each_row_drops_its_share_independently_of_its_neighbours(shape):
    found = dropped(shape).float()
    deviation = math.sqrt(0.3 * 0.7 / found[0].numel())
    assert found.flatten(1).mean(1).sub(0.3).abs().max() < 4.5 * deviation
    for dim in range(1, found.ndim):
        one, next_one = found.narrow(dim, 1, shape[dim] - 1), found.narrow(dim, 0, shape[dim] - 1)
        assert float((one * next_one).mean()) == pytest.approx(0.09, abs=4.5 * deviation)
    assert float((found[0] * found[1]).mean()) == pytest.approx(0.09, abs=4.5 * deviation)


def test_some_rows_drop_their_own_also_when_they_are_computed_again():
    x = torch.ones(2, 9, 50, requires_grad=True)
    with dropping_by(KEYS):
        function = of_rows(np.array([3, 1]), lambda x: drop(x, 0.3).square())
        y = checkpoint(function, x, use_reentrant=False)
    y.sum().backward()
    expected = dropped((4, 9, 50))[[3, 1]]
    assert torch.equal(y == 0, expected)
    assert torch.equal(x.grad == 0, expected)


def test_as_many_rows_as_keys():
    with dropping_by(KEYS), pytest.raises(ValueError, match="3 rows, but keys of 4"):
        drop(torch.ones(3, 5), 0.5)


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("seen", ["all", "causal", "mask", "bias"])
def test_attention_is_torchs_but_for_what_is_dropped(key_heads, seen):
    draw = torch.Generator().manual_seed(0)
    queries, keys, values = (
        torch.randn(4, heads, 6, 8, generator=draw, dtype=torch.float64) for heads in (4, key_heads, key_heads)
    )
    mask = {"mask": torch.rand(4, 1, 6, 6, generator=draw) > 0.3, "bias": torch.randn(1, 4, 6, 6).double()}.get(seen)
    if seen == "mask":
        mask = mask | torch.eye(6, dtype=torch.bool)
    plain = F.scaled_dot_product_attention(
        queries, keys, values, mask, is_causal=seen == "causal", enable_gqa=True
    )  # fmt: skip
    with dropping_by(KEYS):
        assert torch.allclose(
            kernels.attention(queries, keys, values, mask, dropout=0.0, causal=seen == "causal"), plain
        )
    identity = torch.eye(6).double().expand(4, key_heads, 6, 6)
    weights = F.scaled_dot_product_attention(
        queries, keys, identity, mask, is_causal=seen == "causal", enable_gqa=True
    )  # fmt: skip
    with dropping_by(KEYS):
        found = kernels.attention(queries, keys, identity, mask, dropout=0.5, causal=seen == "causal")
    kept = ~dropped((4, 4, 6, 6), probability=0.5)
    assert torch.allclose(found, weights * kept * 2)
