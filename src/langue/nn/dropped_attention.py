"""Attention some of whose weights are dropped while a model learns."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.nn.dropout import drop


def attend_dropping(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, probability: float, *, causal: bool = False
) -> Tensor:
    """dropout(softmax(queries·keysᵀ / √width + mask))·values.

    On a GPU the fused kernel draws for itself, for all rows together: there alone what is dropped depends on how many
    processes share a batch out. To write the weights down would take several times as long.

    Args:
        queries: (B, heads, T, head width).
        keys: (B, key heads, S, head width), each for heads / key heads in succession.
        values: the same.
        mask: (1 or B, 1 or heads, T or 1, S), bool or to be added; None sees all.
        probability: of dropping a weight.
        causal: no position sees a later one; without a mask.
    """
    if queries.device.type == "cuda":
        return F.scaled_dot_product_attention(
            queries, keys, values, mask, probability, causal, enable_gqa=keys.shape[1] != queries.shape[1]
        )
    shared = queries.shape[1] // keys.shape[1]
    if shared > 1:
        keys, values = (x.repeat_interleave(shared, 1) for x in (keys, values))
    scores = queries * queries.shape[-1] ** -0.5 @ keys.transpose(2, 3)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return drop(scores.softmax(-1), probability) @ values
