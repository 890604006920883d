"""The tensors that a training changes: what a checkpoint holds of it, and what it goes on from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from langue.models import Model
from langue.models.build import own_parameters
from langue.parallel import outline_of, part_of, whole_all
from langue.training.average import Average
from langue.training.checkpoint import Checkpoint
from langue.training.optimizer import build_optimizer
from langue.training.settings import TrainingSettings

COMPANION = "companion"
"""The part of a checkpoint that holds what learns beside the model."""


class TrainedState:
    """A model's weights, their average, what learns beside them, and the optimizer's state.

    Args:
        model: with parameters as the strategy has placed them, which may hold this process's part alone.
        config: how it is trained.
        companion: a module that learns beside it.
    """

    def __init__(self, model: Model, config: TrainingSettings, companion: nn.Module | None):
        self.model = model
        self.companion = {} if companion is None else dict(companion.named_parameters())
        self.optimizer = build_optimizer(model, config, self.companion)
        self.average = Average(model, config.average) if config.average else None

    def update(self, factor: float, step: int) -> None:
        """Let the optimizer act, at this share of the learning rate, and the average follow."""
        self.optimizer.step(factor)
        if self.average is not None:
            self.average.update(self.model, step)

    def named(self, *, trained: bool) -> dict[str, nn.Parameter]:
        """The model's own parameters that learn, or those that do not."""
        own = own_parameters(self.model)
        named = self.model.named_parameters()
        return {name: parameter for name, parameter in named if name in own and parameter.requires_grad == trained}

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All that changes, whole, by part and name; every process may hold a part of it."""
        tensors = {"model": whole_all(self.named(trained=True)), "optimizer": self.optimizer.state()}
        if self.average is not None:
            tensors["average"] = self.average.state()
        if self.companion:
            tensors[COMPANION] = whole_all(self.companion)
        return tensors

    def load(self, checkpoint: Checkpoint) -> None:
        """Take the tensors of a checkpoint, bit for bit.

        Raises:
            LangueError: it lacks some, or holds others than this training could have written; nothing is changed then.
        """
        parameters, frozen = _outlines(self.named(trained=True)), _outlines(self.named(trained=False))
        weights = checkpoint.part("model", parameters)
        average = None if self.average is None else checkpoint.part("average", parameters)
        state = checkpoint.part("optimizer", self.optimizer.outline(checkpoint.part("optimizer")))
        if frozen:
            weights = {**weights, **checkpoint.part("frozen", frozen)}
        beside = checkpoint.part(COMPANION, _outlines(self.companion)) if self.companion else {}
        with torch.no_grad():
            named = dict(self.model.named_parameters())
            for name, weight in weights.items():
                named[name].copy_(part_of(weight, named[name]))
            for name, weight in beside.items():
                self.companion[name].copy_(part_of(weight, self.companion[name]))
        self.optimizer.load(state)
        if self.average is not None and average is not None:
            self.average.load(average)


def _outlines(parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    return {name: outline_of(parameter) for name, parameter in parameters.items()}
