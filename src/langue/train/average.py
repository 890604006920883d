"""A running average of the weights, which often does better than any of them (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from langue.parallel import part_of


class Average:
    """average ← decay · average + (1 − decay) · weights, after each step; begun with the weights of the first."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.weights = {name: parameter.detach().clone() for name, parameter in _trained(model)}

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

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take up the average of a checkpoint."""
        for name, value in self.weights.items():
            value.copy_(part_of(weights[name], value))


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)
