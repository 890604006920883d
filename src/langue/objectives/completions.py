"""Texts behind prompts: rows in which the tokens of a text are targets, and those of its prompt are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from langue.batch import IGNORE, Batch
from langue.models import Model
from langue.objectives.cross_entropy import log_probabilities
from langue.objectives.padding import padded


class Completion(NamedTuple):
    """One text behind its prompt.

    Attributes:
        ids: (T,) the decoder's tokens: prompt, or what a target begins with, and text.
        first: the place of the text's first token.
        source: (S,) the encoder's tokens, of an encoder–decoder.
    """

    ids: np.ndarray
    first: int
    source: np.ndarray | None = None

    @classmethod
    def of(cls, prompt: Sequence[int], text: Sequence[int], source: Sequence[int] | None = None) -> Completion:
        """A text behind its prompt, from their tokens."""
        ids = np.array([*prompt, *text], np.int64)
        return cls(ids, len(prompt), None if source is None else np.array(source, np.int64))


def completion_batch(rows: Sequence[Completion]) -> Batch:
    """A batch (B, T) whose targets are the tokens of each text.

    Padding stands behind a row, where no decoder looks, so that no `valid` is needed.
    """
    lengths = [len(row.ids) - 1 for row in rows]
    ids = np.zeros((len(rows), max(lengths)), np.int64)
    targets = np.full(ids.shape, IGNORE, np.int64)
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        ids[number, :length] = row.ids[:-1]
        targets[number, row.first - 1 : length] = row.ids[row.first :]
    sources = [row.source for row in rows if row.source is not None]
    source = padded(sources) if sources else None
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(targets),
        source=None if source is None else source.ids,
        source_valid=None if source is None else source.valid,
    )


def text_log_probabilities(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """(B,) log-probability of each row's targets together, in nats, and (B,) how many they are."""
    assert batch.targets is not None
    counted = batch.targets != IGNORE
    # Prompts are not foretold, and need no logits.
    logs = log_probabilities(model.hidden(batch)[counted], model.head, batch.targets[counted])
    rows = counted.nonzero()[:, 0]
    return logs.new_zeros(len(counted)).index_add(0, rows, logs), counted.sum(1)
