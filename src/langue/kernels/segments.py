"""The sequences that rows really hold, whatever padding and neighbours stand beside them."""

from __future__ import annotations

import torch
from torch import Tensor


def segments(x: Tensor, valid: Tensor | None, documents: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Each document of each row by itself, without padding, for code that walks through them.

    Args:
        x: (B, T, …), of which the shape alone matters.
        valid: (B, T) bool, False on padding; None when nothing is padding.
        documents: (B, T) int64, the number of the document that each position belongs to; None when each row is one.

    Returns:
        index: (N, L) int64 into the flattened (B·T) positions; past a sequence's end it repeats its last position.
        lengths: (N,) int64.
        rows: (N,) int64, the row that each sequence stands in; a row of nothing but padding has none.
    """
    count, length = x.shape[:2]
    starts = length * torch.arange(count, device=x.device)[:, None]
    flat = (starts + torch.arange(length, device=x.device)).flatten()
    number = 0 if documents is None else ordinals(documents)
    owner = (starts + number).expand(-1, length).flatten()
    if valid is not None:
        flat, owner = flat[valid.flatten()], owner[valid.flatten()]
    owner, lengths = owner.unique_consecutive(return_counts=True)
    first = lengths.cumsum(0) - lengths
    steps = torch.arange(int(lengths.max()) if len(lengths) else 0, device=x.device)
    index = flat[first[:, None] + torch.minimum(steps, lengths[:, None] - 1)]
    return index, lengths, owner // length


def ordinals(documents: Tensor) -> Tensor:
    """Number the documents of each row 0, 1, 2, … from left to right."""
    changes = documents[:, 1:] != documents[:, :-1]
    return torch.nn.functional.pad(changes.long().cumsum(1), (1, 0))
