"""Dropout keeps the share and the mean that it says, in every element alike, and is still where nothing is trained."""

import math

import pytest
import torch

from langue.nn.dropout import Dropout


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
