"""Beginning from trained weights instead of new ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.hub import PretrainedModel, is_foreign, is_published, local, purposes
from langue.hub.settings import own_head, shared_parameters
from langue.models import Model, ModelConfig
from langue.models.build import plain
from langue.models.heads import Level
from langue.models.stack import Stack
from langue.nn.roles import roles
from langue.recipe import ModelSettings, Recipe
from langue.settings import shown
from langue.tasks.folders import read_model

FREE = {"preset", "path", "dropout", "classifier", "embedder"}
"""Fields that may differ from the model whose weights are taken; context too, but for learned positions."""


class Start(NamedTuple):
    """A trained model that a training begins from, or learns from."""

    checkpoint: PretrainedModel
    """The model, with plain weights."""
    recipe: Recipe | None = None
    """The recipe that it was trained by, where it comes from a run."""

    @property
    def config(self) -> ModelConfig:
        return self.checkpoint.model.config

    @property
    def tasks(self) -> tuple[str, ...]:
        """The task that it was trained for, or those that its form and heads are for, the likeliest first."""
        return purposes(self.checkpoint) if self.recipe is None else (self.recipe.of_use().task,)


def read_start(path: Path, *, averaged: bool = False) -> Start:
    """Read a run, one of its checkpoints, a model's folder, a Hugging Face folder or a name, with plain weights: what
    adapters add is added up.

    Raises:
        LangueError: it is none of these, or damaged.
    """
    path = local(path)
    if is_foreign(path) and not is_published(path):  # whose tokenizer has no file of its own that the run could name
        command = shlex.join(["langue", "import", str(path), path.stem])
        raise LangueError(f"{path} has to become a folder to begin from: {command}")
    checkpoint, recipe = read_model(path, averaged=averaged)
    return Start(replace(checkpoint, model=plain(checkpoint.model)), recipe)


def continue_config(settings: ModelSettings, start: ModelConfig) -> ModelSettings:
    """The architecture of the weights, with what a recipe may say about it.

    Raises:
        LangueError: names the first field that weights cannot follow.
    """
    free = FREE if start.position == "learned" else FREE | {"context"}
    if _has_fewer_layers(settings, start):
        free = free | {"layers"}
    # What learns has all of its bits, whatever the weights had.
    fields = {name: getattr(settings, name) for name in settings.model_fields_set - {"quantization"}}
    for name, value in fields.items():
        if name not in free and value != getattr(start, name):
            raise LangueError(
                f"model.{name} is {shown(getattr(start, name))} in {settings.path} and cannot become {shown(value)}; "
                f"leave it out"
            )
    kept = {name: value for name, value in fields.items() if name in free}
    return ModelSettings(**{**start.model_dump(), **kept})


def with_own_head(config: ModelConfig, start: Start, level: Level | None) -> ModelConfig:
    """The architecture of weights with a head of a level: the one that it has, or that of the family's own classes,
    so that Transformers can take over what is learnt.

    Args:
        config: of the weights, as a task begins from them.
        start: where they come from.
        level: what the task judges, if it judges anything.
    """
    if level is None or (config.classifier is not None and config.classifier.level == level):
        return config
    head = own_head(start.checkpoint.origin, level)
    return config if head is None else config.replace(classifier=head)


def _has_fewer_layers(settings: ModelSettings, start: ModelConfig) -> bool:
    """True if all layers of the weights are alike and some are to be left out."""
    alike = settings.are_layers_alike and start.are_layers_alike
    return alike and settings.layer_count < start.layer_count


def layers_of(count: int, whole: int) -> list[int]:
    """The numbers, from 0, of so many layers of a whole that are spread evenly, the last among them.

    They are those that a student's layers stand for in TinyBERT (Jiao et al. 2020, section 4.1), every second of BERT's
    as in DistilBERT (Sanh et al. 2019, section 3).
    """
    return [(place + 1) * whole // count - 1 for place in range(count)]


def copy_weights(model: Model, start: Start, labels: Sequence[str] = ()) -> list[str]:
    """Fill a model's parameters by name; a classifier's output that has another shape or other labels stays new, and so
    do a head and an adapter that the weights lack, and a head that is zeros there. A model of fewer layers gets those
    that stand evenly spread.

    Returns:
        The names of the parameters that keep their first values.

    Raises:
        LangueError: names another parameter that the weights lack or that has another shape there.
    """
    new = []
    # The same shape says nothing: two labels are not two others, nor the two ends of an answer.
    head, weights = start.config.classifier, dict(start.checkpoint.model.named_parameters())
    others = (
        tuple(labels) != tuple(start.checkpoint.labels or ())
        or head is None
        or model.config.classifier is None
        or head.level != model.config.classifier.level
    )
    anew = _parameters(None if model.classifier is None else model.classifier.output) if others else set()
    optional = _parameters(model.classifier) | _parameters(model.embedder)
    if start.checkpoint.model.has_blank_head:
        anew, optional = anew | _parameters(model.head), optional | _parameters(model.head)
    shared = {
        name: source for name, source in shared_parameters(start.checkpoint.origin).items() if name not in weights
    }
    named, sources = roles(model), _sources(model, weights) | shared
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            weight = weights.get(sources.get(name, name))
            if weight is not None and weight.shape == parameter.shape and parameter not in anew:
                parameter.copy_(weight)
            elif parameter in optional or named[name].kind == "adapter":
                new.append(name)
            else:
                there = "is missing" if weight is None else f"has the shape {tuple(weight.shape)}"
                raise LangueError(f"{name} should have the shape {tuple(parameter.shape)}, but {there} in the weights")
    return new


def _sources(model: Model, weights: Iterable[str]) -> dict[str, str]:
    """The names in the weights of parameters that have another name there, since some layers are left out."""
    names: dict[str, str] = {}
    for place, stack in model.named_modules():
        if isinstance(stack, Stack):
            kept = layers_of(len(stack.blocks), max(_blocks(weights, place), len(stack.blocks)))
            for block, source in zip(stack.blocks, kept, strict=True):
                own = f"{place}.blocks.{kept.index(source)}."
                names |= {f"{own}{name}": f"{place}.blocks.{source}.{name}" for name, _ in block.named_parameters()}
    return names


def _blocks(weights: Iterable[str], place: str) -> int:
    """Number of blocks that a stack has in weights, by the names of these."""
    within = (name.removeprefix(f"{place}.blocks.") for name in weights if name.startswith(f"{place}.blocks."))
    return len({name.partition(".")[0] for name in within})


def _parameters(part: nn.Module | None) -> set[Tensor]:
    """The parameters of a part of a model, if there is one."""
    return set() if part is None else set(part.parameters())
