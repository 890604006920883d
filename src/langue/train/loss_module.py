"""A model and its loss as one module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from langue.batch import Batch, Loss


class LossModule(nn.Module):
    """`forward(batch)` is the loss, so that whatever hangs on a module's call (hooks, sharding, compiling) sees it all.

    Args:
        model: what is trained.
        loss: of a model and a batch.
    """

    def __init__(self, model: nn.Module, loss: Callable[[Any, Batch], Loss]):
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """Total, count and metrics of `Loss`; plain tensors, since that is what hooks look for."""
        loss = self._loss(self.model, batch)
        return loss.total, loss.count, dict(loss.metrics)
