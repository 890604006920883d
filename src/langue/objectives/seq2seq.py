"""Sequence to sequence: from a source, say the target token by token (Sutskever, Vinyals & Le 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.objectives.cross_entropy import linear_cross_entropy
from langue.objectives.padding import padded
from langue.objectives.teacher import Teacher
from langue.randomness import RowRandomness


class Seq2SeqObjective:
    """Teacher forcing: the decoder reads the true target so far, whatever it would have written itself.

    Args:
        start: the token that the decoder begins with.
        smoothing: label smoothing while training; an evaluated loss is never smoothed.
    """

    def __init__(self, start: int = 0, smoothing: float = 0.0):
        self.start, self.smoothing = start, smoothing

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with `source` and `target`, both as the model is to read and to write them, ending token included.

        Both sides are padded on the right. The decoder's input (B, T) is `start` and the target but for its last token;
        where a target has ended, nothing is asked. No `valid` is needed on its side, since nobody looks ahead.
        """
        source = padded([example["source"] for example in examples])
        lengths = [len(example["target"]) for example in examples]
        targets = np.full((len(examples), max(lengths)), IGNORE, np.int64)
        for row, example in enumerate(examples):
            targets[row, : lengths[row]] = example["target"]
        inputs = np.full(targets.shape, self.start, np.int64)
        inputs[:, 1:] = np.where(targets[:, :-1] == IGNORE, self.start, targets[:, :-1])
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), source=source.ids, source_valid=source.valid)

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed cross-entropy in nats."""
        assert batch.targets is not None
        smoothing = self.smoothing if model.training else 0.0
        lesson = None if teacher is None else teacher.lesson(batch)
        return linear_cross_entropy(model.hidden(batch), model.head, batch.targets, smoothing, lesson=lesson)
