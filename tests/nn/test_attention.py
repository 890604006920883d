"""Attention against its formula in float64 and against torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from langue.nn.attention import Attention, AttentionSpec, CrossAttention
from langue.nn.layout import Guide, Layout
from langue.nn.state import EncoderOutput

ROWS, LENGTH, WIDTH, HEADS, HEAD_WIDTH = 2, 7, 12, 4, 6


def fill(module: nn.Module) -> None:
    """Random values in every parameter, in float64."""
    draws = torch.Generator().manual_seed(1)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws) * 0.5)


def make(position: int | None = None, dropout: float = 0.0, **changes: Any) -> Attention:
    settings: dict[str, Any] = {
        "heads": HEADS,
        "key_heads": HEADS,
        "head_width": HEAD_WIDTH,
        "bias": "none",
        "norm": "none",
        "norm_epsilon": None,
        "window": None,
        "scale": True,
        "score_width": None,
        "score_cap": None,
    }
    attention = Attention(WIDTH, WIDTH, AttentionSpec(**{**settings, **changes}), dropout=dropout, position=position)
    fill(attention)
    return attention


def inputs(rows: int = ROWS, length: int = LENGTH, seed: int = 0) -> Tensor:
    return torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_bias() -> Tensor:
    return torch.randn(1, HEADS, LENGTH, LENGTH, generator=torch.Generator().manual_seed(4)).double()


def layout(causal: bool, valid: Tensor | None = None) -> Layout:
    return Layout.of(torch.zeros(ROWS, LENGTH, dtype=torch.long), valid, None, causal=causal)


SCORE_WIDTH = 2


def by_joint_norm(heads: Tensor, weight: Tensor | None) -> Tensor:
    """A position's heads side by side, divided by the length of all of them."""
    assert weight is not None
    return weight * heads / (heads.square().mean() + 0.1).sqrt()


def by_formula(attention: Attention, x: Tensor, causal: bool, bias: Tensor | None = None) -> Tensor:
    """One head, one row, one position at a time: softmax(q·k / √width) of the positions that may be seen."""
    fused = attention.query_key_value(x)
    many, few = attention.heads * HEAD_WIDTH, attention.key_heads * HEAD_WIDTH
    queries, keys, values = fused.split([many, few, few], -1)
    mixed = torch.zeros(ROWS, LENGTH, many, dtype=x.dtype)
    for row in range(ROWS):
        for head in range(attention.heads):
            own = slice(head * HEAD_WIDTH, (head + 1) * HEAD_WIDTH)
            key_head = head // (attention.heads // attention.key_heads)
            shared = slice(key_head * HEAD_WIDTH, (key_head + 1) * HEAD_WIDTH)
            for t in range(LENGTH):
                reach = attention.window or LENGTH
                last = t if causal else min(LENGTH - 1, t + reach - 1)
                seen = list(range(max(0, t - reach + 1), last + 1))
                query, key = queries[row, t, own], keys[row, seen, shared]
                if attention.norm != "none":
                    epsilon = attention.epsilon or torch.finfo(x.dtype).eps
                    query = query / (query.square().mean() + epsilon).sqrt()
                    key = key / (key.square().mean(-1, keepdim=True) + epsilon).sqrt()
                if attention.norm == "joint":
                    query = by_joint_norm(queries[row, t], attention.query_norm)[own]
                    key = torch.stack([by_joint_norm(keys[row, s], attention.key_norm)[shared] for s in seen])
                elif attention.query_norm is not None and attention.key_norm is not None:
                    one = 1 if attention.norm == "offset" else 0
                    query, key = query * (one + attention.query_norm), key * (one + attention.key_norm)
                scores = key @ query / (SCORE_WIDTH if attention.stretch != 1 else HEAD_WIDTH) ** 0.5
                if attention.cap is not None:
                    scores = attention.cap * (scores / attention.cap).tanh()
                if bias is not None:
                    scores = scores + bias[0, head, t, seen]
                mixed[row, t, own] = (scores.exp() / scores.exp().sum()) @ values[row, seen, shared]
    return attention.output(mixed)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bias": "all"},
        {"key_heads": 2},
        {"key_heads": 1, "bias": "query_key_value"},
        {"norm": "plain"},
        {"norm": "weighted", "key_heads": 2, "norm_epsilon": 0.1},
        {"window": 1},
        {"window": 3},
        {"window": 3, "key_heads": 2},
        {"window": LENGTH},
        {"norm": "offset", "key_heads": 2, "norm_epsilon": 0.1},
        {"norm": "joint", "key_heads": 2, "norm_epsilon": 0.1},
        {"score_cap": 0.7, "score_width": SCORE_WIDTH, "window": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("with_bias", [False, True])
@torch.no_grad()
def test_attention_is_its_formula(changes: dict[str, Any], causal: bool, with_bias: bool) -> None:
    attention, x, where = make(**changes, position=0), inputs(), layout(causal)
    where.guides = [Guide(bias=random_bias() if with_bias else None)]
    expected = by_formula(attention, x, causal, where.guides[0].bias)
    torch.testing.assert_close(attention(x, where), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("changes", [{}, {"key_heads": 2, "bias": "all"}, {"window": 3}], ids=str)
@torch.no_grad()
def test_contents_are_compared_with_distances_both_ways(changes: dict[str, Any], causal: bool) -> None:
    attention, x, where = make(**changes, position=0), inputs(), layout(causal)
    draws = torch.Generator().manual_seed(3)
    vectors = torch.randn(5, WIDTH, generator=draws, dtype=torch.float64)
    distances = torch.randint(5, (1, LENGTH, LENGTH), generator=draws)
    where.guides = [Guide(vectors=vectors, distances=distances)]
    fused, own = attention.query_key_value(x), attention.query_key_value(vectors)
    many, few = HEADS * HEAD_WIDTH, attention.key_heads * HEAD_WIDTH
    queries, keys, values = (part.unflatten(-1, (-1, HEAD_WIDTH)) for part in fused.split([many, few, few], -1))
    own_queries, own_keys, _ = (part.unflatten(-1, (-1, HEAD_WIDTH)) for part in own.split([many, few, few], -1))
    mixed = torch.zeros(ROWS, LENGTH, HEADS, HEAD_WIDTH, dtype=x.dtype)
    for row, head, t in [(row, head, t) for row in range(ROWS) for head in range(HEADS) for t in range(LENGTH)]:
        shared = head // (HEADS // attention.key_heads)
        reach = attention.window or LENGTH
        seen = range(max(0, t - reach + 1), t + 1 if causal else min(LENGTH, t + reach))
        query, scores = queries[row, t, head], []
        for s in seen:
            key, distance = keys[row, s, shared], distances[0, t, s]
            three = query @ key + query @ own_keys[distance, shared] + key @ own_queries[distance, head]
            scores.append(three / (3 * HEAD_WIDTH) ** 0.5)
        weights = torch.stack(scores).softmax(0)
        mixed[row, t, head] = weights @ values[row, list(seen), shared]
    torch.testing.assert_close(attention(x, where), attention.output(mixed.flatten(2)), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("causal", [True, False])
@torch.no_grad()
def test_attention_is_torchs(causal: bool, padded: bool) -> None:
    attention = make(head_width=WIDTH // HEADS, bias="all")
    reference = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
    reference.in_proj_weight.copy_(attention.query_key_value.weight)
    reference.in_proj_bias.copy_(attention.query_key_value.bias)
    reference.out_proj.weight.copy_(attention.output.weight)
    reference.out_proj.bias.copy_(attention.output.bias)
    valid = torch.arange(LENGTH) < torch.tensor([[LENGTH], [4]]) if padded else None
    x = inputs()
    later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
    expected, weights = reference(
        x,
        x,
        x,
        attn_mask=later if causal else None,
        key_padding_mask=None if valid is None else ~valid,
        average_attn_weights=False,
    )
    real = torch.ones(ROWS, LENGTH, dtype=torch.bool) if valid is None else valid
    torch.testing.assert_close(attention(x, layout(causal, valid))[real], expected[real])
    looks = attention.weights(x, layout(causal, valid)).transpose(1, 2)
    torch.testing.assert_close(looks[real], weights.transpose(1, 2)[real])


@pytest.mark.parametrize("changes", [{}, {"key_heads": 2}, {"window": 3}, {"norm": "plain"}], ids=str)
@pytest.mark.parametrize("causal", [True, False])
@torch.no_grad()
def test_the_weights_shown_are_the_weights_used(changes: dict[str, Any], causal: bool) -> None:
    attention, x, where = make(**changes, position=0), inputs(), layout(causal)
    where.guides = [Guide(bias=random_bias())]
    looks = attention.weights(x, where)
    torch.testing.assert_close(looks.sum(-1), torch.ones(ROWS, HEADS, LENGTH, dtype=x.dtype))
    few = attention.key_heads * HEAD_WIDTH
    values = attention.query_key_value(x)[..., -few:].unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2)
    values = values.repeat_interleave(HEADS // attention.key_heads, 1)
    mixed = attention.output((looks @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, where), mixed)


@pytest.mark.parametrize("padded", [False, True])
@torch.no_grad()
def test_cross_attention_is_torchs(padded: bool) -> None:
    memory_width, seen = 10, 5
    cross = CrossAttention(WIDTH, memory_width, heads=HEADS, head_width=WIDTH // HEADS, bias=True, dropout=0.0)
    fill(cross)
    reference = nn.MultiheadAttention(WIDTH, HEADS, kdim=memory_width, vdim=memory_width, batch_first=True).double()
    key, value = cross.key_value.weight.chunk(2)
    reference.q_proj_weight.copy_(cross.query.weight)
    reference.k_proj_weight.copy_(key)
    reference.v_proj_weight.copy_(value)
    reference.in_proj_bias.copy_(torch.cat([cross.query.bias, cross.key_value.bias]))
    reference.out_proj.weight.copy_(cross.output.weight)
    reference.out_proj.bias.copy_(cross.output.bias)
    valid = torch.arange(seen) < torch.tensor([[seen], [2]]) if padded else None
    hidden = torch.randn(ROWS, seen, memory_width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x, memory = inputs(), EncoderOutput(hidden, valid, attention_weights=[])
    expected, weights = reference(
        x, hidden, hidden, key_padding_mask=None if valid is None else ~valid, average_attn_weights=False
    )
    torch.testing.assert_close(cross(x, memory), expected)
    assert memory.attention_weights is not None
    torch.testing.assert_close(memory.attention_weights[0], weights)


def test_dropout_drops_weights_while_training_only() -> None:
    attention, x, where = make(dropout=0.5), inputs(), layout(causal=True)
    with torch.no_grad():
        plain = attention.eval()(x, where)
        assert torch.equal(attention(x, where), plain)
        attention.train()
        torch.manual_seed(0)
        dropped = torch.stack([attention(x, where) for _ in range(600)])
    assert not torch.equal(dropped[0], plain)
    # What is kept is scaled up, so that the mean stays: torch's convention.
    assert (dropped.mean(0) - plain).abs().mean() < 0.15 * plain.abs().mean()
