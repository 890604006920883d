"""The two ends of a language model: from token numbers to vectors, and from vectors to a score for each token."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.nn.roles import SHIFT, SMALL, Initial, Role


class Embedding(nn.Module):
    """E(x) = scale · W·onehot(x) (+ b): a vector for each token, and optionally a bias that all share."""

    def __init__(self, vocab_size: int, width: int, *, bias: bool, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.scale = scale
        self.roles = {"weight": Role("embedding", SMALL), **({"bias": SHIFT} if bias else {})}

    def forward(self, ids: Tensor) -> Tensor:
        x = F.embedding(ids, self.weight)
        if self.scale != 1.0:
            x = x * self.scale
        return x if self.bias is None else x + self.bias


class Head(nn.Module):
    """Logits: prepare(hidden)·Wᵀ (+ b). W may be the embedding's own (Press & Wolf 2017).

    Args:
        vocab_size: how many tokens get a score.
        width: of the hidden vectors.
        bias: add b.
        tied: the embedding whose matrix is used.
        prepare: what hidden vectors go through first, such as BERT's dense layer; None leaves them as they are.
    """

    def __init__(
        self, vocab_size: int, width: int, *, bias: bool, tied: Embedding | None, prepare: nn.Module | None = None
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, width)) if tied is None else tied.weight
        self.bias = nn.Parameter(torch.zeros(vocab_size)) if bias else None
        self.prepare = prepare or nn.Identity()
        self.roles = {"weight": Role("head", Initial(ends="model")), **({"bias": SHIFT} if bias else {})}

    def forward(self, hidden: Tensor) -> Tensor:
        return kernels.linear(self.prepare(hidden), self.weight, self.bias)


class Scale(nn.Module):
    """x · factor."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor
