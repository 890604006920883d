"""Loss by position: how much a model gains from what stands before."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from langue.batch import Batch
from langue.models import Model
from langue.objectives import log_probabilities

ROWS = 16
"""Rows of one forward pass."""


def loss_by_position(model: Model, rows: Tensor) -> Tensor:
    """Mean loss at each position of a row, before which the model sees the row's beginning and nothing else.

    Args:
        model: a decoder.
        rows: (N, T + 1) int64 tokens.

    Returns:
        (T,) nats; position 0 is the prediction of a row's second token from its first.
    """
    device = model.device
    total = torch.zeros(rows.shape[1] - 1, dtype=torch.float64)
    model.eval()
    with torch.inference_mode():
        for piece in rows.split(ROWS):
            piece = piece.to(device)
            gains = log_probabilities(model.hidden(Batch(piece[:, :-1])), model.head, piece[:, 1:])
            total -= gains.double().sum(0).cpu()
    return total / rows.shape[0]


class Text(Protocol):
    """A line of tokens, such as a token store."""

    tokens: int

    def read(self, start: int, count: int) -> np.ndarray: ...


def rows_of(text: Text, context: int, most: int) -> Tensor:
    """Up to `most` rows (N, context + 1) from all over a text, as far apart as they can be.

    A text too short for one row gives one row of all it has.
    """
    context = min(context, text.tokens - 1)
    possible = (text.tokens - 1) // context
    count = min(most, possible)
    starts = [place * possible // count * context for place in range(count)]
    return torch.from_numpy(np.stack([text.read(start, context + 1).astype(np.int64) for start in starts]))
