"""Causal language modelling: at each position, say which token comes next (Shannon 1948; Bengio et al. 2003)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.objectives.cross_entropy import linear_cross_entropy
from langue.objectives.teacher import Teacher
from langue.randomness import RowRandomness


class Causal:
    """One prediction for each position: the targets are the inputs shifted by one.

    Args:
        smoothing: label smoothing while training; an evaluated loss is never smoothed.
        opening: tokens that stand before each document, which nobody has to foretell.
    """

    def __init__(self, smoothing: float = 0.0, opening: Sequence[int] = ()):
        self.smoothing, self.opening = smoothing, tuple(opening)

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Rows `ids` (T + 1,) become inputs and targets (B, T); where `documents` changes, nothing is asked."""
        ids = torch.from_numpy(np.stack([example["ids"] for example in examples]).astype(np.int64, copy=False))
        inputs, targets = ids[:, :-1], without_opening(ids[:, 1:], self.opening)
        if "documents" not in examples[0]:
            return Batch(inputs, targets)
        documents = torch.from_numpy(np.stack([example["documents"] for example in examples]).astype(np.int64))
        same = documents[:, 1:] == documents[:, :-1]
        return Batch(inputs, targets.where(same, IGNORE), documents=documents[:, :-1])

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed cross-entropy in nats."""
        assert batch.targets is not None
        smoothing = self.smoothing if model.training else 0.0
        lesson = None if teacher is None else teacher.lesson(batch)
        return linear_cross_entropy(model.hidden(batch), model.head, batch.targets, smoothing, lesson=lesson)


def without_opening(targets: Tensor, opening: Sequence[int]) -> Tensor:
    """Targets (…), but `IGNORE` for tokens that only ever open a document: they are given, never foretold."""
    for token in opening:
        targets = targets.masked_fill(targets == token, IGNORE)
    return targets
