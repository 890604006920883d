"""One vector for a whole text: which of its hidden vectors stand for it, and how they are put together."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["first", "last", "mean", "weighted", "max", "mean_sqrt"]


def pool(hidden: Tensor, valid: Tensor | None, pooling: Pooling) -> Tensor:
    """One vector (B, width) for each row of hidden vectors (B, T, width); padding may stand on either side.

    - "first": that of the first position (BERT's [CLS]); "last": that of the last, which alone has seen all of a text
      where each position sees its past only.
    - "mean": of all (Reimers & Gurevych 2019, section 3); "mean_sqrt": their sum over the root of their number.
    - "weighted": their mean weighted by 1, 2, 3, … (Muennighoff 2022, "SGPT", equation 2).
    - "max": of each number the greatest.
    """
    if pooling in ("first", "last"):
        return _at(hidden, valid, pooling == "first")
    if pooling == "max":
        return (hidden if valid is None else hidden.masked_fill(~valid[..., None], -torch.inf)).amax(1)
    if pooling == "mean" and valid is None:
        return hidden.mean(1)
    weight = hidden.new_ones(hidden.shape[:2]) if valid is None else valid.to(hidden.dtype)
    if pooling == "weighted":
        weight = weight * weight.cumsum(1)
    weight = weight[..., None]
    total = weight.sum(1).clamp_(min=1)
    return (hidden * weight).sum(1) / (total.sqrt() if pooling == "mean_sqrt" else total)


def _at(hidden: Tensor, valid: Tensor | None, first: bool) -> Tensor:
    if valid is None:
        return hidden[:, 0 if first else -1]
    places = torch.arange(valid.shape[1], device=valid.device)
    if first:
        place = places.masked_fill(~valid, valid.shape[1] - 1).amin(1)
    else:
        place = places.masked_fill(~valid, 0).amax(1)
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), place]
