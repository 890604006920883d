"""Texts of several authors, kept as tokens: a prompt, what a model wrote, what an environment or a tool answered.

Whoever learns from texts that a model has written keeps them so, since to tokenise a text again may give other tokens
than those that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from langue.batch import IGNORE, Batch

Author = Literal["prompt", "model", "environment", "tool"]


@dataclass(frozen=True)
class WrittenText:
    """T tokens, with the author of each.

    Attributes:
        ids: (T,).
        authors: (T,).
        log_probabilities: (T,) in nats, that each was drawn with; 0 for those that no model drew.
    """

    ids: tuple[int, ...] = ()
    authors: tuple[Author, ...] = ()
    log_probabilities: tuple[float, ...] = ()

    def extended(
        self, ids: Sequence[int], author: Author, log_probabilities: Sequence[float] | None = None
    ) -> WrittenText:
        """The text with more tokens of one author.

        Raises:
            ValueError: a model's tokens come without their log-probabilities, or another's with some.
        """
        if (author == "model") != (log_probabilities is not None):
            raise ValueError("a model's tokens, and no others, have the log-probabilities that they were drawn with")
        drawn = [0.0] * len(ids) if log_probabilities is None else log_probabilities
        if len(drawn) != len(ids):
            raise ValueError(f"there are {len(ids)} tokens and {len(drawn)} log-probabilities")
        return WrittenText((*self.ids, *ids), (*self.authors, *[author] * len(ids)), (*self.log_probabilities, *drawn))

    def __add__(self, other: WrittenText) -> WrittenText:
        """This text, and another behind it."""
        pairs = zip(self._columns, other._columns, strict=True)
        return WrittenText(*(first + second for first, second in pairs))

    @property
    def _columns(self) -> tuple[tuple, ...]:
        return self.ids, self.authors, self.log_probabilities


def batch_of(texts: Sequence[WrittenText], sources: Sequence[Tensor] = ()) -> tuple[Batch, Tensor]:
    """A batch in which just a model's tokens are targets, and (B, T) the log-probability of each target.

    Inputs and targets are shifted by one; shorter rows are padded behind.

    Args:
        texts: as a decoder reads and writes them.
        sources: what an encoder reads: (S,) tokens or (S, features), of each text or shared by several.
    """
    ids = [torch.tensor(text.ids) for text in texts]
    own = [torch.tensor([author == "model" for author in text.authors]) for text in texts]
    targets = [row[1:].where(mine[1:], IGNORE) for row, mine in zip(ids, own, strict=True)]
    drawn = [torch.tensor(text.log_probabilities[1:]) for text in texts]
    valid = pad_sequence([torch.ones(len(row), dtype=torch.bool) for row in targets], batch_first=True)
    heard = [torch.ones(len(source), dtype=torch.bool) for source in sources]
    batch = Batch(
        pad_sequence([row[:-1] for row in ids], batch_first=True),
        pad_sequence(targets, batch_first=True, padding_value=IGNORE),
        valid=None if bool(valid.all()) else valid,
        source=pad_sequence(list(sources), batch_first=True) if sources else None,
        source_valid=pad_sequence(heard, batch_first=True) if sources else None,
    )
    return batch, pad_sequence(drawn, batch_first=True)
