"""Texts of several authors, kept as tokens: a prompt, what a model wrote, what an environment or a tool answered.

Whoever learns from texts that a model has written keeps them so, since to tokenise a text again may give other tokens
than those that were drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
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
        if not self.ids:
            return other
        return WrittenText(
            self.ids + other.ids,
            self.authors + other.authors,
            self.log_probabilities + other.log_probabilities,
        )


def batch_of(texts: Sequence[WrittenText], sources: Sequence[Tensor] = ()) -> tuple[Batch, Tensor]:
    """A batch in which just a model's tokens are targets, and (B, T) the log-probability of each target.

    Inputs and targets are shifted by one; shorter rows are padded behind.

    Args:
        texts: as a decoder reads and writes them.
        sources: what an encoder reads: (S,) tokens or (S, features), of each text or shared by several.
    """
    lengths = np.array([len(text.ids) for text in texts])
    written = np.arange(lengths.max()) < lengths[:, None]
    ids = _side_by_side((text.ids for text in texts), written, np.int64)
    own = _side_by_side(([author == "model" for author in text.authors] for text in texts), written, np.bool_)
    drawn = _side_by_side((text.log_probabilities for text in texts), written, np.float32)
    valid = written[:, 1:]
    heard = [torch.ones(len(source), dtype=torch.bool) for source in sources]
    batch = Batch(
        torch.from_numpy(np.where(valid, ids[:, :-1], 0)),
        torch.from_numpy(np.where(own[:, 1:], ids[:, 1:], IGNORE)),
        valid=None if valid.all() else torch.from_numpy(valid),
        source=pad_sequence(list(sources), batch_first=True) if sources else None,
        source_valid=pad_sequence(heard, batch_first=True) if sources else None,
    )
    return batch, torch.from_numpy(drawn[:, 1:])


def _side_by_side(rows: Iterable[Sequence[Any]], written: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    """Rows (B, T) of numbers where something is written, and zeros behind it."""
    filled = np.zeros(written.shape, kind)
    filled[written] = np.fromiter(chain.from_iterable(rows), kind)
    return filled
