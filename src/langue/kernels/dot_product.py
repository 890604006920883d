"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), of whole texts and of their next positions.

Shapes, where nothing else is said:
    queries: (B, heads, T, head width).
    keys, values: (B, key heads, S, head width), each for heads / key heads in succession.
    mask: (1 or B, 1 or heads, T or 1, S), bool or to be added; None sees all.
    causal: no position sees a later one; without a mask.
    dropout: probability of dropping a weight.
    cap: z becomes cap · tanh(z / cap) in the scores, before the mask; None leaves them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.dispatch import work_out
from langue.kernels.dropout import drop
from langue.kernels.gathered import products_with_rows, sums_of_rows, weighted_sums

FEW = 16
"""Positions up to which attention is two plain products."""


def reference(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """dropout(softmax(capped(queries·keysᵀ / √width) + mask))·values."""
    if causal:
        mask = torch.ones(queries.shape[2], keys.shape[2], dtype=torch.bool, device=queries.device).tril()
    weights = weights_reference(queries, _spread(keys, queries), mask, cap)
    return (drop(weights, dropout) if dropout else weights) @ _spread(values, queries)


def is_capped(*arguments: Any) -> bool:
    """True if scores are capped, which no fused kernel does."""
    return arguments[6] is not None


def by_torch(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """The same without a cap by torch's fused kernel, which is made for long rows and never holds all weights.

    On a GPU it drops too, and draws for itself, for all rows together: there alone what is dropped depends on how many
    processes share a batch or its heads out. To write the weights down would take several times as long.
    """
    grouped = keys.shape[1] != queries.shape[1]
    return F.scaled_dot_product_attention(queries, keys, values, mask, dropout, causal, enable_gqa=grouped)


def spread(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """The same for an exporter, who knows no heads that share keys."""
    return by_torch(queries, _spread(keys, queries), _spread(values, queries), mask, causal, dropout)


def _spread(x: Tensor, queries: Tensor) -> Tensor:
    """Give (B, key heads, S, head width) to each head that looks at it: (B, heads, S, head width)."""
    shared = queries.shape[1] // x.shape[1]
    return x if shared == 1 else x[:, :, None].expand(-1, -1, shared, -1, -1).flatten(1, 2)


def is_step(queries: Tensor) -> bool:
    """True if these are the next positions of texts under way, without a gradient.

    There, on a CPU, the fused kernel takes up to six times as long as `step`.
    """
    return queries.shape[2] <= FEW and not torch.is_grad_enabled()


def step(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """The same of few positions, written out in place."""
    rows, heads, length, width = queries.shape
    if keys.shape[1] == heads:
        return weighted_sums(step_weights(queries, keys, mask, cap), values)
    # Heads that share keys ask them together, as if they were more positions of one head.
    scores = _scores(queries.reshape(rows, keys.shape[1], -1, width), keys).view(rows, heads, length, -1)
    weights = _masked(_capped(scores, cap), mask).softmax(-1)
    weights = weights.view(rows, keys.shape[1], -1, weights.shape[-1])
    return weighted_sums(weights, values).view(rows, heads, length, width)


def weights_reference(queries: Tensor, keys: Tensor, mask: Tensor | None, cap: float | None = None) -> Tensor:
    """softmax(capped(queries·keysᵀ / √width) + mask), (B, heads, T, S), where as many heads have keys of their own."""
    scores = _capped(queries * queries.shape[-1] ** -0.5 @ keys.transpose(2, 3), cap)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


def step_weights(queries: Tensor, keys: Tensor, mask: Tensor | None, cap: float | None = None) -> Tensor:
    """The same of few positions without a gradient."""
    return _masked(_capped(_scores(queries, keys), cap), mask).softmax(-1)


def _capped(scores: Tensor, cap: float | None) -> Tensor:
    """Scores that none exceeds (Gemma Team 2024, "Gemma 2", section 2)."""
    return scores if cap is None else cap * (scores / cap).tanh()


def _scores(queries: Tensor, keys: Tensor) -> Tensor:
    return weighted_sums(queries * queries.shape[-1] ** -0.5, keys.transpose(2, 3))


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """In place: scores are as many as there are keys, and nobody else has them."""
    if mask is None:
        return scores
    if mask.dtype == torch.bool:
        # Heads share a mask, and adding takes a fifth of the time of filling.
        mask = scores.new_zeros(mask.shape).masked_fill_(~mask, float("-inf"))
    return scores.add_(mask)


def along_rows_reference(
    queries: Tensor, keys: Tensor, values: Tensor, places: Tensor, mask: Tensor | None, cap: float | None = None
) -> Tensor:
    """`attention` of texts under way whose keys and values are rows of tables (N, head width), copied together first.

    `places` (B, key heads, S) int64 are the numbers of the rows; `mask` is (1 or B, 1 or heads, 1 or T, S), bool or to
    be added, and None sees all.
    """
    keys, values = F.embedding(places, keys), F.embedding(places, values)
    return work_out("attention", queries, keys, values, mask, False, 0.0, cap)


def along_rows(
    queries: Tensor, keys: Tensor, values: Tensor, places: Tensor, mask: Tensor | None, cap: float | None = None
) -> Tensor:
    """The same of few positions, with the rows read where they lie."""
    rows, heads, length, width = queries.shape
    scaled = queries.transpose(1, 2) * width**-0.5
    shared = heads // places.shape[1]
    columns = places[:, None, :, None].expand(-1, length, -1, shared, -1).flatten(0, 3)
    scores = products_with_rows(scaled.reshape(-1, width), keys, columns).view(rows, length, heads, -1)
    weights = _masked(_capped(scores, cap), None if mask is None else mask.transpose(1, 2)).softmax(-1)
    mixed = sums_of_rows(weights.view(columns.shape), values, columns)
    return mixed.view(rows, length, heads, width).transpose(1, 2)
