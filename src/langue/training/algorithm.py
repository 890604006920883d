"""Algorithms: what the loop lowers, and on which rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor, nn

from langue.batch import Batch, Loss
from langue.models import Model
from langue.training.prefetch import Pass, Prefetch
from langue.training.types import Batches, Objective

Whole = Callable[[], AbstractContextManager[Model]]
"""A context with the model that learns, in which its parameters are whole; all processes enter it together."""


class Algorithm(Protocol):
    """The forward passes of each update, and the loss of each.

    An algorithm that needs the model to make its rows (rollouts) draws whatever it draws by seed, step and row, so that
    a resumed training makes the same.
    """

    def passes(self, step: int, whole: Whole) -> Iterator[Pass]:
        """Those of an update, for this process; the last is marked."""

    def loss(self, model: Any, batch: Batch) -> Loss:
        """The summed loss of one pass."""

    def waited(self, seconds: float) -> float:
        """The share of so many seconds of training, those since the last call, that making passes took."""

    def state(self, step: int) -> Mapping[str, Tensor]:
        """The tensors that a checkpoint keeps beside the weights, so that a resumed step makes the same passes."""

    def load(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave.

        Raises:
            LangueError: it is of another training.
        """


class Supervised:
    """Learning from rows that are there beforehand: a pure function of seed and step, which may be prefetched.

    Args:
        objective: examples → batch → summed loss.
        batches: `batches[step]` gives this process's micro-batches.
        seed: of masks and the like.
        alone: prefetch on one core, as beside a model on a CPU.
    """

    def __init__(self, objective: Objective, batches: Batches, seed: int, *, alone: bool = True):
        self.objective, self.batches = objective, batches
        self._prefetch = Prefetch(batches, objective, seed, alone=alone)

    def passes(self, step: int, whole: Whole) -> Iterator[Pass]:
        return self._prefetch[step]

    def loss(self, model: Any, batch: Batch) -> Loss:
        return self.objective.loss(model, batch)

    def waited(self, seconds: float) -> float:
        return self._prefetch.waited(seconds)

    def state(self, step: int) -> Mapping[str, Tensor]:
        return {}

    def load(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Nothing: the rows are a function of the step."""


class LossModule(nn.Module):
    """`forward(batch)` is the loss, so that whatever hangs on a module's call (hooks, sharding, compiling) sees it all.

    Args:
        model: what is trained.
        algorithm: what measures its loss.
        companion: what learns beside it.
    """

    def __init__(self, model: nn.Module, algorithm: Algorithm, companion: nn.Module | None = None):
        super().__init__()
        self.model, self.companion = model, companion
        self._algorithm = algorithm

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """Total, count and metrics of `Loss`; plain tensors, since that is what hooks look for."""
        loss = self._algorithm.loss(self.model, batch)
        return loss.total, loss.count, dict(loss.metrics)
