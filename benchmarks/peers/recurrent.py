"""The plain loop around `nn.LSTM` or `nn.GRU`: embedding, recurrence, linear layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.loop import make_step, random_ids

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """Embedding → stacked cells → linear with bias."""

    def __init__(self, kind: str, vocab_size: int, layers: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.cells = _CELLS[kind](width, width, num_layers=layers, batch_first=True)
        self.head = nn.Linear(width, vocab_size)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        hidden, _ = self.cells(self.embedding(inputs))
        logits = self.head(hidden)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def step_maker(*, kind: str, vocab_size: int, layers: int, width: int, context: int, batch: int) -> Callable[[], None]:
    """A training step at some size."""
    torch.manual_seed(0)
    model = Recurrent(kind, vocab_size, layers, width)
    return make_step(model, model.loss, random_ids(vocab_size, batch, context))
