"""Extraction: where in a text an answer begins and ends (Rajpurkar et al. 2016; Devlin et al. 2019, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import Batch, Example, Loss
from langue.models import Model
from langue.objectives.padding import padded
from langue.randomness import RowRandomness


class Extract:
    """Half the cross-entropy of the first position and half that of the last, over all but padding.

    Position 0 stands for "no answer here".

    Args:
        smoothing: share that is spread over all positions while training.
    """

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Windows with `ids`, `segments` and `target` (first, last) as rows; targets (B, 2)."""
        batch = padded([example["ids"] for example in examples], [example["segments"] for example in examples])
        targets = np.stack([np.asarray(example["target"], np.int64) for example in examples])
        return replace(batch, targets=torch.from_numpy(targets))

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over windows."""
        assert batch.targets is not None
        scores, smoothing = span_scores(model, batch), self.smoothing if model.training else 0.0
        total = scores.new_zeros(())
        for side in range(2):
            possible = scores[..., side]
            total = total + _cross_entropy(possible, batch.targets[:, side], smoothing) / 2
        return Loss(total, torch.tensor(len(batch.targets), device=scores.device))


def span_scores(model: Model, batch: Batch) -> Tensor:
    """(B, T, 2) scores of each position as the first and last of an answer; −∞ for padding."""
    scores = model.classify(batch).float()
    return scores if batch.valid is None else scores.masked_fill(~batch.valid[..., None], -torch.inf)


def _cross_entropy(scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    if not smoothing:
        return F.cross_entropy(scores, targets, reduction="sum")
    # torch would spread the smoothing over positions of probability 0 as well, whose loss is infinite.
    logs = scores.log_softmax(1)
    finite = torch.isfinite(scores)
    spread = -logs.masked_fill(~finite, 0.0).sum(1) / finite.sum(1)
    right = -logs.gather(1, targets[:, None])[:, 0]
    return ((1 - smoothing) * right + smoothing * spread).sum()
