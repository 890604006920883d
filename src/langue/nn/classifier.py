"""Heads that judge: some numbers for a whole text, or for each of its positions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from langue.nn.dropout import Dropout
from langue.nn.feedforward import ACTIVATIONS
from langue.nn.linear import Linear

Pooling = Literal["first", "last", "mean"]
DenseKind = Literal["none", "tanh", "relu", "gelu", "gelu_tanh"]


class Dense(nn.Module):
    """activation(W·x + b), as wide as before."""

    def __init__(self, width: int, activation: DenseKind):
        super().__init__()
        self.linear = Linear(width, (width,), bias=True)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))


class Classifier(nn.Module):
    """output(dropout(dense(pool(hidden)))) for a text, or the same without pooling for each position.

    Args:
        width: of the hidden vectors.
        outputs: how many numbers; 0 gives the vector before them.
        each: "text" or "position".
        pooling: which vector stands for a text: that of its first position (BERT's [CLS]), that of its last, or the
            mean of all; padding is none of them.
        dense: activation of a dense layer before the output (Devlin et al. 2019 call it the pooler), or "none".
        bias: add a bias to each output.
        dropout: probability of dropping a number before the output.
    """

    def __init__(
        self,
        width: int,
        outputs: int,
        *,
        each: Literal["text", "position"],
        pooling: Pooling,
        dense: DenseKind,
        bias: bool,
        dropout: float,
    ):
        super().__init__()
        self.pooling = pooling if each == "text" else None
        self.dense = Dense(width, dense) if dense != "none" else nn.Identity()
        self.dropout = Dropout(dropout)
        self.output = Linear(width, (outputs,), bias) if outputs else nn.Identity()

    def forward(self, hidden: Tensor, valid: Tensor | None) -> Tensor:
        """Hidden vectors (B, T, width), of which `valid` (B, T) are no padding, as (B, outputs) or (B, T, outputs)."""
        x = hidden if self.pooling is None else pool(hidden, valid, self.pooling)
        return self.output(self.dropout(self.dense(x)))


def pool(hidden: Tensor, valid: Tensor | None, pooling: Pooling) -> Tensor:
    """One vector (B, width) for each row of hidden vectors (B, T, width); padding may stand on either side."""
    if valid is None:
        return hidden.mean(1) if pooling == "mean" else hidden[:, 0 if pooling == "first" else -1]
    if pooling == "mean":
        weight = valid.to(hidden.dtype)[..., None]
        return (hidden * weight).sum(1) / weight.sum(1).clamp_(min=1)
    places = torch.arange(valid.shape[1], device=valid.device)
    if pooling == "first":
        place = places.masked_fill(~valid, valid.shape[1] - 1).amin(1)
    else:
        place = places.masked_fill(~valid, 0).amax(1)
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), place]
