"""The rows of a training as far as they decide what it needs: passes, their size, and the work in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langue.data.buckets import Buckets
from langue.data.pair_encoder import CorpusShares
from langue.errors import LangueError
from langue.models import ModelConfig
from langue.training import TrainingSettings


class Shape(NamedTuple):
    """The size of a forward pass."""

    rows: int
    length: int
    """Positions of its longest row; of pairs, of the target."""
    source: int | None = None
    """Positions of the longest source, where there are sources."""


@dataclass(frozen=True)
class Load:
    """The rows of a training, as far as they decide what it needs.

    Attributes:
        config: the model, vocabulary and head included.
        rows: rows of one forward pass.
        longest: positions of its longest row.
        tokens_per_step: tokens that go through the model for one update of the weights.
        steps_per_epoch: infinite where nobody knows.
        flops_per_token: floating-point operations of training on one token.
        tokens_per_target: 1 where each token has a target.
        predicts_tokens: whether there are logits of the whole vocabulary.
        source: positions of its longest source, where there are sources.
        dropped: how many records are left out, by reason.
        drawn_rows: texts that the model draws side by side before it learns from them.
        drawn_steps: tokens of each that it draws for one update, one after the other.
        uncounted: what takes time beside all that, in words.
    """

    config: ModelConfig
    rows: int
    longest: int
    tokens_per_step: float
    steps_per_epoch: float
    flops_per_token: int
    tokens_per_target: float = 1.0
    predicts_tokens: bool = True
    source: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    drawn_rows: int = 0
    drawn_steps: float = 0.0
    uncounted: str = ""


def rows_of(training: TrainingSettings, context: int) -> int:
    """Rows of one forward pass over all processes.

    Raises:
        LangueError: a batch of so many tokens holds none.
    """
    if training.batch_tokens is None:
        return training.rows
    if training.batch_tokens < context:
        raise LangueError(f"training.batch_tokens {training.batch_tokens} holds no row of the context of {context}")
    return training.batch_tokens // context


def buckets_of(
    examples: Any, lengths: Any, training: TrainingSettings, rank: int, world: int, pick: CorpusShares | None = None
) -> Buckets:
    """Batches of examples of like lengths, of the size and seed that a training says; see `Buckets`."""
    return Buckets(
        examples,
        lengths,
        training.seed,
        batch_size=training.rows,
        batch_tokens=training.batch_tokens,
        accumulate=training.accumulate,
        rank=rank,
        world=world,
        pick=pick,
    )
