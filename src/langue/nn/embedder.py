"""The head that represents: one vector for a whole text, near those of texts that mean the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from langue.nn.dense import Dense
from langue.nn.pooling import Pooling, pool


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
