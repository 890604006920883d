"""Optimizers by name, each parameter with the rule that suits it, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from langue.train.muon import Muon
from langue.train.settings import TrainingSettings


class Optimizers:
    """One or two torch optimizers that act as one, and whose state has names.

    Args:
        parts: optimizers with their greatest learning rates.
        names: of all parameters.
    """

    def __init__(self, parts: list[tuple[torch.optim.Optimizer, float]], names: Mapping[Tensor, str]):
        self.parts = parts
        self.names = names

    def step(self, factor: float) -> None:
        """Apply the gradients at `factor` times the greatest learning rates."""
        for optimizer, rate in self.parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """What has to be kept: "parameter/quantity" → tensor."""
        return {
            f"{self.names[parameter]}/{quantity}": value
            for optimizer, _ in self.parts
            for parameter, state in optimizer.state.items()
            for quantity, value in state.items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Take up a state that `state` gave."""
        owners = {
            self.names[parameter]: (optimizer, parameter)
            for optimizer, _ in self.parts
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for name, value in state.items():
            owner, quantity = name.rsplit("/", 1)
            optimizer, parameter = owners[owner]
            # A count of steps stays on the CPU unless the fused kernel wants it beside the parameter.
            optimizer.state[parameter][quantity] = value.to(parameter.device, copy=True)


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> Optimizers:
    """The optimizer that the settings name, over all parameters of a model.

    Weight decay shrinks the trunk's matrices and the embedding's, and leaves vectors alone (Loshchilov & Hutter 2019).
    """
    parameters = dict(model.named_parameters())
    names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
    matrices: dict[str, tuple[int, ...]] = model.matrices() if settings.optimizer == "muon" else {}  # type: ignore[operator]
    rest = [parameter for name, parameter in parameters.items() if name not in matrices]
    parts: list[tuple[torch.optim.Optimizer, float]] = [(_adamw(rest, settings), settings.learning_rate)]
    if matrices:
        rate = settings.matrix_learning_rate or settings.learning_rate
        muon = Muon(
            [parameters[name] for name in matrices],
            matrices.values(),
            lr=rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            iterations=settings.muon_iterations,
        )
        parts.append((muon, rate))
    return Optimizers(parts, names)


def _adamw(parameters: Sequence[Tensor], settings: TrainingSettings) -> torch.optim.AdamW:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )
