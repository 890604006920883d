"""Positions against Transformers' functions and the papers' formulas."""

from __future__ import annotations

import math

import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

from langue import kernels
from langue.nn.layout import Layout
from langue.nn.position import (
    DisentangledPosition,
    EmbeddingPosition,
    LearnedPosition,
    RelativePosition,
    SinusoidalPosition,
)
from langue.nn.rotary import RotaryPosition


def layout(length: int, valid: torch.Tensor | None = None, causal: bool = True) -> Layout:
    rows = 1 if valid is None else valid.shape[0]
    return Layout.of(torch.zeros(rows, length, dtype=torch.long), valid, None, causal=causal)


def test_no_positions_leave_everything_alone() -> None:
    where = layout(3)
    assert EmbeddingPosition().added(where.positions()) is None
    guide = where.guide(None)
    assert guide.rotation is None
    assert guide.bias is None


def test_learned_positions_are_rows_of_a_table() -> None:
    position = LearnedPosition(5, 3)
    with torch.no_grad():
        position.weight.copy_(torch.arange(15.0).view(5, 3))
    assert torch.equal(position.added(torch.tensor([[4, 0]])), torch.tensor([[[12.0, 13, 14], [0, 1, 2]]]))


def test_sinusoids_are_the_formula() -> None:
    """Sines first and cosines after them; the paper takes them in turns."""
    width = 6
    found = SinusoidalPosition(width).added(torch.arange(50)[None])[0]
    for place in range(50):
        for pair in range(width // 2):
            angle = place / 10_000 ** (2 * pair / width)
            assert found[place, pair] == pytest.approx(math.sin(angle), abs=1e-5)
            assert found[place, width // 2 + pair] == pytest.approx(math.cos(angle), abs=1e-5)


def test_closed_sinusoidal_positions_end_at_ten_thousand() -> None:
    found = SinusoidalPosition(8, 2, closed=True).added(torch.arange(50)[None])[0]
    for place in range(50):
        for pair in range(4):
            angle = (place + 2) / 10_000 ** (pair / 3)
            assert found[place, pair] == pytest.approx(math.sin(angle), abs=1e-5)
            assert found[place, 4 + pair] == pytest.approx(math.cos(angle), abs=1e-5)


def test_buckets_of_distances_are_debertas() -> None:
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    distance = torch.arange(600)[:, None] - torch.arange(600)[None]
    for buckets, reach in [(256, 512), (4, 32), (8, 20)]:
        position = DisentangledPosition(6, buckets, reach, torch.nn.Identity())
        theirs = make_log_bucket_position(distance, buckets, reach).long()
        assert torch.equal(position.bucket(distance), (theirs + buckets).clamp(0, 2 * buckets - 1))


def neighbours(x: torch.Tensor) -> torch.Tensor:
    """From Llama's order of a head's numbers (x_0, x_1, … | y_0, y_1, …) to ours (x_0, y_0, x_1, y_1, …)."""
    return x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


def turns(position: RotaryPosition, where: Layout) -> torch.Tensor:
    rotation = position.guide(where).rotation
    assert rotation is not None
    return rotation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("theta", [10_000.0, 500_000.0])
def test_rotary_positions_are_transformers(theta: float, dtype: torch.dtype) -> None:
    width, length = 8, 40
    queries, keys = torch.randn(2, 2, length, 3, width, generator=torch.Generator().manual_seed(0)).to(dtype)
    angle = torch.arange(length)[:, None] * theta ** -(torch.arange(0, width, 2).double() / width)
    both = torch.cat([angle, angle], -1)[None].to(dtype)
    expected = apply_rotary_pos_emb(queries, keys, both.cos(), both.sin(), unsqueeze_dim=2)
    # The table is made for 16 positions and grows as it must.
    rotation = turns(RotaryPosition(16, width, theta), layout(length))
    for given, turned in zip((queries, keys), expected, strict=True):
        found = kernels.rotate(neighbours(given), rotation)
        assert found.dtype == dtype
        torch.testing.assert_close(found, neighbours(turned), atol=1e-5, rtol=1e-5)


def test_rotation_depends_on_distance_alone() -> None:
    """Su et al. 2021, equation 11: the product of a rotated query and key is the same for every shift of both."""
    query, key = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotation = turns(RotaryPosition(30, 8, 10_000.0), layout(30))
    queries = kernels.rotate(query.expand(1, 30, 1, 8), rotation)[0, :, 0]
    keys = kernels.rotate(key.expand(1, 30, 1, 8), rotation)[0, :, 0]
    scores = queries @ keys.T
    for distance in range(-29, 30):
        line = scores.diagonal(distance)
        torch.testing.assert_close(line, line[:1].expand_as(line), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_cast_model_keeps_exact_angles(dtype: torch.dtype) -> None:
    """In bfloat16 itself positions beyond 256 could not even be told apart."""
    exact = turns(RotaryPosition(600, 8, 10_000.0), layout(600))
    assert torch.equal(turns(RotaryPosition(600, 8, 10_000.0).to(dtype), layout(600)), exact)


def test_a_table_that_an_evaluation_made_longer_serves_the_training_after_it() -> None:
    position = RotaryPosition(4, 8, 10_000.0)
    with torch.inference_mode():
        position.guide(Layout.of(torch.zeros(1, 9), None, None, causal=True))
    x = torch.ones(1, 9, 1, 8, requires_grad=True)
    layout = Layout.of(torch.zeros(1, 9), None, None, causal=True)
    rotation = position.guide(layout).rotation
    assert rotation is not None
    kernels.rotate(x, rotation).sum().backward()
    assert x.grad is not None


def test_padded_rows_are_turned_by_their_own_positions() -> None:
    position = RotaryPosition(8, 4, 10_000.0)
    alone = turns(position, layout(3))
    padded = turns(position, layout(5, torch.tensor([[False, False, True, True, True]])))
    assert torch.equal(padded[0, 2:], alone.view(3, 1, 2, 2))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("buckets", "reach"), [(32, 128), (8, 20), (64, 256), (4, 3)])
def test_relative_buckets_are_t5s(buckets: int, reach: int, causal: bool) -> None:
    distance = torch.arange(-3 * reach, 3 * reach + 1)
    expected = T5Attention._relative_position_bucket(distance, not causal, buckets, reach)
    found = RelativePosition(2, buckets, reach).bucket(distance, causal)
    assert torch.equal(found, expected)
    assert found.min() >= 0
    assert found.max() == buckets - 1


@pytest.mark.parametrize("causal", [True, False])
def test_relative_bias_stands_at_its_distance(causal: bool) -> None:
    position = RelativePosition(2, 8, 10)
    with torch.no_grad():
        position.weight.copy_(torch.arange(16.0).view(8, 2))
    where = layout(6, causal=causal)
    bias = position.guide(where).bias
    assert bias is not None
    assert bias.shape == (1, 2, 6, 6)
    for query in range(6):
        for key in range(6):
            bucket = position.bucket(torch.tensor(key - query), causal)
            assert torch.equal(bias[0, :, query, key], position.weight[bucket])
