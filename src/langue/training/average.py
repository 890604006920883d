"""Averages of the weights, which often do better than any of them: running, or of the last checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.parallel import part_of, whole_all
from langue.training.checkpoint import load, steps


class Average:
    """The running average (Polyak & Juditsky 1992): decay · average + (1 − decay) · weights, after each step."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.parameters = dict(_trained(model))
        self.weights = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step; early on the memory is short, so that the beginning is soon forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current: list[Tensor] = [parameter for _, parameter in _trained(model)]
        torch._foreach_lerp_(list(self.weights.values()), current, 1 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model has the average for weights inside, and its own again afterwards."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    @torch.no_grad()
    def _swap(self, model: nn.Module) -> None:
        # In place, since whoever shares parameters out among processes holds on to their memory.
        for name, parameter in _trained(model):
            own = parameter.clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(own)

    def state(self) -> dict[str, Tensor]:
        """The average, whole; every process has to ask."""
        return whole_all(self.weights, self.parameters)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take up the average of a checkpoint."""
        for name, value in self.weights.items():
            value.copy_(part_of(weights[name], self.parameters[name]))


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def mean_weights(places: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the weights of several checkpoints (Vaswani et al. 2017, section 6.1), added up in float64.

    Each is read and let go before the next.

    Raises:
        LangueError: there are none, one is damaged, or they are of different models.
    """
    if not places:
        raise LangueError("there are no checkpoints to average")
    total: dict[str, Tensor] = {}
    kinds: dict[str, torch.dtype] = {}
    for place in places:
        weights = load(place).weights(averaged=False)
        if not total:
            total = {name: value.double() for name, value in weights.items()}
            kinds = {name: value.dtype for name, value in weights.items()}
            continue
        if _shapes(weights) != _shapes(total):
            raise LangueError(f"{place} is of another model than the checkpoints before it")
        for name, value in weights.items():
            total[name] += value
    return {name: (value / len(places)).to(kinds[name]) for name, value in total.items()}


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def last_checkpoints(folder: Path, count: int) -> list[Path]:
    """The last few checkpoints of a run, oldest first.

    Raises:
        LangueError: there are fewer.
    """
    paths = [path for path in steps(folder) if path.suffix != ".old"]
    if len(paths) < count:
        raise LangueError(
            f"{folder} holds {len(paths)} checkpoints, not {count}; a training keeps the last training.keep of them"
        )
    return paths[-count:]
