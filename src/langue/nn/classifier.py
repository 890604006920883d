"""Heads that judge: some numbers for a whole text, or for each of its positions."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from langue.nn.dense import Dense, DenseKind
from langue.nn.dropout import Dropout
from langue.nn.linear import make_linear
from langue.nn.pooling import Pooling, pool
from langue.nn.roles import SMALL, Role


class Classifier(nn.Module):
    """output(dropout(dense(pool(hidden)))) for a text, or the same without pooling for each position.

    Args:
        width: of the hidden vectors.
        outputs: how many numbers; 0 gives the vector before them.
        each: "text" or "position".
        pooling: which vector stands for a text, see `pool`.
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
        # It begins as good as undecided; from larger values it would first have to unlearn its own opinion.
        self.output = make_linear(width, (outputs,), bias, Role("head", SMALL)) if outputs else nn.Identity()

    def forward(self, hidden: Tensor, valid: Tensor | None) -> Tensor:
        """Hidden vectors (B, T, width), of which `valid` (B, T) are no padding, as (B, outputs) or (B, T, outputs)."""
        x = hidden if self.pooling is None else pool(hidden, valid, self.pooling)
        return self.output(self.dropout(self.dense(x)))
