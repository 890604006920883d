"""Losses of a model on data that it is measured by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from langue.batch import Batch
from langue.models import Model, evaluating
from langue.training.device import autocast


@dataclass(frozen=True)
class RowLosses:
    """Rows that a model is run on one by one, so that nothing is padded, and the loss of each.

    Attributes:
        objective: gives the loss of a batch.
        batches: one batch for each row.
        unit: one of what the losses are counted by.
    """

    objective: Any
    batches: Sequence[Batch]
    unit: str = "token"

    def run(self, model: Model) -> None:
        """Let a model read all rows."""
        self.sums(model)

    def sums(self, model: Model) -> np.ndarray:
        """(rows, 2): the summed loss of each row, and over how many targets."""
        sums = np.zeros((len(self.batches), 2))
        with evaluating(model), torch.inference_mode():
            for row, batch in enumerate(self.batches):
                loss = self.objective.loss(model, batch.to(model.device))
                sums[row] = float(loss.total), float(loss.count)
        return sums


def mean_loss(objective: Any, model: Model, batches: Iterable[Batch], precision: str = "fp32") -> float:
    """The loss per target over batches, 0 of none, with the model in evaluation mode."""
    total, count = 0.0, 0
    with evaluating(model):
        for batch in batches:
            with torch.inference_mode(), autocast(model.device, precision):
                loss = objective.loss(model, batch.to(model.device))
            total += float(loss.total)
            count += int(loss.count)
    return total / max(1, count)


def with_perplexity(loss: float) -> dict[str, float]:
    """A loss in nats per token, and its perplexity."""
    return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}
