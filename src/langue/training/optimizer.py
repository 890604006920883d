"""Optimizers by name, each parameter with the rule that suits it, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from langue.errors import LangueError
from langue.models import Model
from langue.nn.feedforward import Bottleneck
from langue.nn.roles import roles
from langue.parallel import outline_of, part_of, whole
from langue.training.muon import Muon
from langue.training.settings import TrainingSettings


class Optimizers:
    """Torch optimizers that act as one, and whose state has names.

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
        """State that has to be kept: "parameter/quantity" → tensor, whole; every process has to ask."""
        return {
            f"{self.names[parameter]}/{quantity}": whole(value, parameter)
            for optimizer, _ in self.parts
            for parameter, state in optimizer.state.items()
            for quantity, value in state.items()
        }

    def outline(self, state: Iterable[str]) -> dict[str, Tensor]:
        """Tensors of the shapes and kinds that a state must have, for all parameters that it names."""
        begun = {name.rpartition("/")[0] for name in state}
        return {
            f"{name}/{quantity}": like
            for name, (optimizer, parameter) in self._owners().items()
            if name in begun
            for quantity, like in _quantities(optimizer, parameter).items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take up a state that `state` gave."""
        owners = self._owners()
        for name, value in state.items():
            owner, quantity = name.rsplit("/", 1)
            optimizer, parameter = owners[owner]
            # A count of steps stays on the CPU unless the fused kernel wants it beside the parameter.
            optimizer.state[parameter][quantity] = part_of(value, parameter).clone()

    def _owners(self) -> dict[str, tuple[torch.optim.Optimizer, Tensor]]:
        return {
            self.names[parameter]: (optimizer, parameter)
            for optimizer, _ in self.parts
            for group in optimizer.param_groups
            for parameter in group["params"]
        }


def _quantities(optimizer: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    """Outline of what an optimizer keeps of a parameter, by tensors of the same shapes and kinds."""
    like = outline_of(parameter)
    if isinstance(optimizer, Muon):
        return {"momentum": like}
    return {"step": torch.zeros((), dtype=torch.float32), "exp_avg": like, "exp_avg_sq": like}


def build_optimizer(
    model: Model, settings: TrainingSettings, companion: Mapping[str, Tensor] = MappingProxyType({})
) -> Optimizers:
    """The optimizer that the settings name, over all parameters of a model that learn, and AdamW over those of what
    learns beside it.

    Muon takes the trunk's matrices. Weight decay shrinks what is no vector (Loshchilov & Hutter 2019).
    With `layer_decay`, a parameter d layers below the head learns at layer_decay^d of the rate (Howard & Ruder 2018,
    section 3.2; Clark et al. 2020, "ELECTRA", appendix B).

    Raises:
        LangueError: nothing is left to learn.
    """
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not parameters:
        raise LangueError("training.freeze leaves nothing to learn")
    names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
    named = roles(model)
    matrices = model.matrices() if settings.optimizer == "muon" else {}
    parts: list[tuple[torch.optim.Optimizer, float]] = []
    for scale, group in _by_scale(model, parameters, settings.layer_decay).items():
        stacked = {name: matrices[name] for name in group if name in matrices}
        rest = [name for name in group if name not in stacked]
        if rest:
            shrinking = {group[name]: named[name].decays for name in rest}
            parts.append((_adamw(shrinking, settings), settings.learning_rate * scale))
        if stacked:
            rate = (settings.matrix_learning_rate or settings.learning_rate) * scale
            muon = Muon(
                [group[name] for name in stacked],
                stacked.values(),
                lr=rate,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
                iterations=settings.muon_iterations,
            )
            parts.append((muon, rate))
    if companion:
        names |= {parameter: f"companion.{name}" for name, parameter in companion.items()}
        parts.append((_adamw(dict.fromkeys(companion.values(), True), settings), settings.learning_rate))
    return Optimizers(parts, names)


def _by_scale(model: Model, parameters: Mapping[str, Tensor], decay: float) -> dict[float, dict[str, Tensor]]:
    """Parameters by what their learning rate is multiplied with."""
    if decay == 1.0:
        return {1.0: dict(parameters)}
    depths, top = model.depths(), model.depth
    scaled: dict[float, dict[str, Tensor]] = {}
    for name, parameter in parameters.items():
        scaled.setdefault(decay ** (top - depths[name]), {})[name] = parameter
    return scaled


def freeze(model: Model, settings: TrainingSettings) -> None:
    """Let the parameters that `training.freeze` names keep their values.

    Raises:
        LangueError: the model has not so many layers, or no bottlenecks.
    """
    if settings.freeze is None:
        return
    if settings.freeze == "encoder":
        if not model.reading_parts:
            raise LangueError("training.freeze: encoder is for models of form: seq2seq")
        for part in model.reading_parts:
            part.requires_grad_(False)
        return
    depths, top = model.depths(), model.depth
    named = {"embeddings": 0, "all-but-head": top - 1, "all-but-bottlenecks": top - 1}
    frozen, learning = named.get(str(settings.freeze), settings.freeze), set[Tensor]()
    if settings.freeze == "all-but-bottlenecks":
        learning = {own for part in model.modules() if isinstance(part, Bottleneck) for own in part.parameters()}
        if not learning:
            raise LangueError("training.freeze: all-but-bottlenecks is for models with model.bottleneck, such as MMS")
    if not isinstance(frozen, int) or not 0 <= frozen < top:
        raise LangueError(f"training.freeze is {settings.freeze}, but the model has {top - 1} layers")
    for name, parameter in model.named_parameters():
        if depths[name] <= frozen and parameter not in learning:
            parameter.requires_grad_(False)


def _adamw(shrinking: Mapping[Tensor, bool], settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW over parameters, each with whether weight decay shrinks it."""
    groups = [
        {"params": [p for p, decays in shrinking.items() if decays], "weight_decay": settings.weight_decay},
        {"params": [p for p, decays in shrinking.items() if not decays], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )
