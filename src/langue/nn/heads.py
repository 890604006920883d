"""Heads: layers that turn the hidden vectors of a text into judgements, or into one vector for the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.nn.dropout import Dropout
from langue.nn.feedforward import ACTIVATIONS
from langue.nn.linear import make_linear
from langue.nn.roles import HEAD, SMALL, Role

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


DenseKind = Literal["none", "tanh", "relu", "gelu", "gelu_tanh"]


class Dense(nn.Module):
    """activation(W·x (+ b)).

    Args:
        width: of x.
        activation: "none" leaves the product as it is.
        outputs: how many numbers it gives; None as many as it gets.
        bias: add b.
    """

    def __init__(self, width: int, activation: DenseKind, outputs: int | None = None, *, bias: bool = True):
        super().__init__()
        self.linear = make_linear(width, (outputs or width,), bias, HEAD)
        self.activation = nn.Identity() if activation == "none" else ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))


class Classifier(nn.Module):
    """output(dropout(norm(dense(pool(hidden))))) for a text, or the same without pooling for each position.

    Args:
        width: of the hidden vectors.
        outputs: how many numbers; 0 gives the vector before them.
        level: "text" or "position".
        pooling: which vector stands for a text, see `pool`.
        dense: activation of a dense layer before the output (Devlin et al. 2019 call it the pooler), or "none".
        dense_bias: give the dense layer a bias.
        norm: of what the dense layer gives; None leaves it.
        bias: add a bias to each output.
        dropout: probability of dropping a number before the output.
    """

    def __init__(
        self,
        width: int,
        outputs: int,
        *,
        level: Literal["text", "position"],
        pooling: Pooling,
        dense: DenseKind,
        bias: bool,
        dropout: float,
        dense_bias: bool = True,
        norm: nn.Module | None = None,
    ):
        super().__init__()
        self.pooling = pooling if level == "text" else None
        self.dense = Dense(width, dense, bias=dense_bias) if dense != "none" else nn.Identity()
        self.norm = norm or nn.Identity()
        self.dropout = Dropout(dropout)
        # It begins as good as undecided; from larger values it would first have to unlearn its own opinion.
        self.output = (
            make_linear(width, (outputs,), bias, Role("head", SMALL, "classifier")) if outputs else nn.Identity()
        )

    def forward(self, hidden: Tensor, valid: Tensor | None) -> Tensor:
        """Hidden vectors (B, T, width), of which `valid` (B, T) are no padding, as (B, outputs) or (B, T, outputs)."""
        x = hidden if self.pooling is None else pool(hidden, valid, self.pooling)
        return self.output(self.dropout(self.norm(self.dense(x))))


class Embedder(nn.Module):
    """normalise(layers(pool(hidden))).

    Args:
        pooling: which vector stands for a text, see `pool`.
        width: of the hidden vectors.
        layers: dense layers after it.
        normalise: divide each vector by its length, so that a dot product is the cosine.
    """

    def __init__(self, pooling: Pooling, width: int, layers: Sequence[Dense] = (), *, normalise: bool = True):
        super().__init__()
        self.pooling: Pooling = pooling
        self.layers = nn.Sequential(*layers)
        self.normalise = normalise
        self.size = layers[-1].linear.out_features if layers else width

    def forward(self, hidden: Tensor, valid: Tensor | None) -> Tensor:
        """Hidden vectors (B, T, width), of which `valid` (B, T) are no padding, as (B, size)."""
        return self.finish(self.layers(pool(hidden, valid, self.pooling)))

    def finish(self, vectors: Tensor, size: int | None = None) -> Tensor:
        """Vectors (B, size) at their final length, or the first numbers of each (Kusupati et al. 2022, "Matryoshka
        Representation Learning"), which are normalised anew."""
        vectors = vectors[:, :size]
        return F.normalize(vectors, dim=1) if self.normalise else vectors
