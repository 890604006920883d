"""The two ends of a language model: from token numbers to vectors, and from vectors to a score for each token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from langue import kernels
from langue.nn.linear import LinearLayer, UncalledLayers, make_linear
from langue.nn.roles import SHIFT, SMALL, Initial, Role


class Embedding(nn.Module):
    """E(x) = scale · W·onehot(x) (+ b): a vector for each token, and optionally a bias that all share.

    Args:
        size: how many tokens, or whatever is numbered, have a vector.
        width: of the vectors.
        bias: add b.
        scale: what vectors are multiplied with.
        part: what the numbers stand for.
    """

    def __init__(
        self,
        size: int,
        width: int,
        *,
        bias: bool = False,
        scale: float = 1.0,
        part: Literal["embedding", "segment"] = "embedding",
    ):
        super().__init__()
        self.table = make_linear(width, (size,), False, Role("embedding", SMALL, part))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.scale = scale
        self.roles = {"bias": SHIFT} if bias else {}

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table.rows(ids)
        if self.scale != 1.0:
            x = x * self.scale
        return x if self.bias is None else x + self.bias


class Head(nn.Module, UncalledLayers):
    """Logits: prepare(hidden)·Wᵀ (+ b), capped where that is wanted. W may be the embedding's own (Press & Wolf 2017).

    Args:
        vocab_size: how many tokens get a score.
        width: of the hidden vectors.
        bias: add b.
        tied: the embedding whose matrix is used.
        prepare: what hidden vectors go through first, such as BERT's dense layer; None leaves them as they are.
        cap: z becomes cap · tanh(z / cap) in the logits; None leaves them.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        *,
        bias: bool,
        tied: Embedding | None,
        prepare: nn.Module | None = None,
        cap: float | None = None,
    ):
        super().__init__()
        self.cap = cap
        role = Role("head", Initial(ends="model"), "head")
        self.table = make_linear(width, (vocab_size,), False, role) if tied is None else None
        # No part of it: a module that two others hold is put back wrongly where `torch.func` swaps parameters.
        object.__setattr__(self, "_tied", tied)
        self.bias = nn.Parameter(torch.zeros(vocab_size)) if bias else None
        self.prepare = prepare or nn.Identity()
        self.roles = {"bias": SHIFT} if bias else {}

    @property
    def output(self) -> LinearLayer:
        """The layer of W, the embedding's where that is tied."""
        layer = cast(Embedding | None, self.__dict__["_tied"]) or self
        return cast(LinearLayer, layer.table)

    @property
    def caller(self) -> nn.Module:
        """The layer that hidden vectors go through first, since losses take W itself."""
        return self.prepare

    def inputs_in(self, inputs: tuple[Any, ...], output: Tensor) -> Iterator[tuple[LinearLayer, Tensor]]:
        """W, where it is the head's own; an embedding's has to serve lookups as well."""
        if self.table is not None:
            yield self.table, output

    def forward(self, hidden: Tensor) -> Tensor:
        return kernels.soft_capped(self.output.product(self.prepare(hidden), self.bias), self.cap)


class Scale(nn.Module):
    """x · factor."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor
