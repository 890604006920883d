"""Losses of a model on data that it is measured by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
        hits: (n,) bool of a model and a batch: the answers that are right; None where none are simply right or wrong.
    """

    objective: Any
    batches: Sequence[Batch]
    unit: str = "token"
    hits: Callable[[Model, Batch], Tensor] | None = None

    def run(self, model: Model) -> None:
        """Let a model read all rows."""
        self.sums(model)

    def sums(self, model: Model) -> np.ndarray:
        """(rows, 2): the summed loss of each row, and over how many targets."""
        return self._of_each(model, self._loss)

    def right(self, model: Model) -> np.ndarray:
        """(rows, 2): how many answers of each row are right, of how many."""
        return self._of_each(model, self._right)

    def _of_each(self, model: Model, measure: Callable[[Model, Batch], tuple[Tensor, Tensor | int]]) -> np.ndarray:
        with evaluating(model), torch.inference_mode():
            pairs = [measure(model, batch.to(model.device)) for batch in self.batches]
        return np.array([(float(total), float(count)) for total, count in pairs]).reshape(-1, 2)

    def _loss(self, model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
        loss = self.objective.loss(model, batch)
        return loss.total, loss.count

    def _right(self, model: Model, batch: Batch) -> tuple[Tensor, int]:
        assert self.hits is not None
        hits = self.hits(model, batch)
        return hits.sum(), hits.numel()


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
