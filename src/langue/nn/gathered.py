"""Recurrent layers over padded rows by gathering alone: slower than packed sequences, but any graph can hold it.

The own positions of each row are moved to its front, in their order for the layer that walks forward and in reverse for
the one that walks backward; both then walk from left to right, and padding comes last, where it harms nobody.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def walk_gathered(cell: nn.RNNBase, x: Tensor, valid: Tensor) -> Tensor:
    """What a cell gives for x (B, T, input), of which `valid` (B, T) are no padding: (B, T, width), zero on padding."""
    count = valid.long().cumsum(1)
    total = count[:, -1:]
    padding = (~valid).long().cumsum(1)
    after = total + padding - 1
    forward = torch.where(valid, count - 1, after)
    outputs = [_walk(cell, x, forward, "")]
    if cell.bidirectional:
        outputs.append(_walk(cell, x, torch.where(valid, total - count, after), "_reverse"))
    return torch.cat(outputs, -1) * valid[..., None]


def _walk(cell: nn.RNNBase, x: Tensor, places: Tensor, suffix: str) -> Tensor:
    """One direction, in which each position of x stands at the place that `places` (B, T) gives to it."""
    into = places[..., None].expand_as(x)
    moved = torch.zeros_like(x).scatter(1, into, x)
    weights = [getattr(cell, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    start = x.new_zeros(1, x.shape[0], cell.hidden_size)
    options = (True, 1, 0.0, False, False, True)  # biases, one layer, no dropout, no training, one way, batch first
    if isinstance(cell, nn.LSTM):
        walked = torch.lstm(moved, (start, start), weights, *options)[0]
    else:
        kernel = torch.gru if isinstance(cell, nn.GRU) else torch.rnn_tanh
        walked = kernel(moved, start, weights, *options)[0]
    return walked.gather(1, places[..., None].expand_as(walked))
