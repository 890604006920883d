"""Losses of a model on single rows of a text, as a student and its teacher are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from langue.batch import IGNORE
from langue.metrics.significance import mean_of
from langue.models import Model, evaluating
from langue.objectives import log_probabilities
from langue.randomness import RowRandomness
from langue.tasks.distill.training import Standing
from langue.tasks.stores import Store

TOGETHER = 8
"""Rows of one forward pass."""

SEED = 0
"""Seed of what is hidden, the same for both."""


@torch.inference_mode()
def losses_of_rows(model: Model, objective: Any, stores: Sequence[Store], row_tokens: int, rows: int) -> Standing:
    """Nats and targets of each of the first rows of stores, of so many tokens and the one behind them."""
    texts = [
        store.read(start, row_tokens + 1)
        for store in stores
        for start in range(0, min(store.tokens - row_tokens, rows * row_tokens), row_tokens)
    ][:rows]
    counts = []
    with evaluating(model):
        for start in range(0, len(texts), TOGETHER):
            examples = [{"ids": text} for text in texts[start : start + TOGETHER]]
            batch = objective.batch(examples, RowRandomness(SEED, start)).to(model.device)
            logs = log_probabilities(model.hidden(batch), model.head, batch.targets)
            counts.append(
                torch.stack([-logs.double().sum(1), (batch.targets != IGNORE).sum(1).double()], 1).cpu().numpy()
            )
    return Standing("loss", np.concatenate(counts), mean_of, "rows")
