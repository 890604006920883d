"""Losses of a model on data that it is measured by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from langue.batch import Batch
from langue.models import Model, evaluating
from langue.training.device import autocast


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
