"""Tagging: a label for each word, told at the word's first token (Devlin et al. 2019, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.objectives.padding import padded
from langue.randomness import RowRandomness


class TagObjective:
    """Cross-entropy of the labels, one loss for each word.

    Args:
        smoothing: share of a label that is spread over all while training.
    """

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with `ids`, `segments` and `target`, a label or IGNORE for each token, as rows; targets (B, T)."""
        batch = padded([example["ids"] for example in examples], [example["segments"] for example in examples])
        targets = np.full(tuple(batch.ids.shape), IGNORE, np.int64)
        for row, example in enumerate(examples):
            targets[row, : len(example["target"])] = example["target"]
        return replace(batch, targets=torch.from_numpy(targets))

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over words."""
        assert batch.targets is not None
        is_target = batch.targets != IGNORE
        scores = model.classify(batch)[is_target].float()
        smoothing = self.smoothing if model.training else 0.0
        total = F.cross_entropy(scores, batch.targets[is_target], reduction="sum", label_smoothing=smoothing)
        return Loss(total, torch.tensor(len(scores), device=scores.device))
