"""Beginning from trained weights instead of new ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.experiment.run import RunFolder
from langue.hub import (
    is_foreign,
    is_published,
    local,
    purpose,
    read_labels,
    read_origin,
    read_published,
    read_reading,
)
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.hub.tokenizer import source_file
from langue.models import Model, ModelConfig
from langue.models.build import plain_weights
from langue.models.stack import Stack
from langue.nn.roles import roles
from langue.recipe import ModelSettings, Recipe
from langue.settings import shown
from langue.tasks import read_model
from langue.tasks.bases import load_weights
from langue.text.reading import Reading
from langue.training.checkpoint import load

FREE = {"preset", "path", "dropout", "classifier", "embedder"}
"""Fields that may differ from the model whose weights are taken; context too, but for learned positions."""


@dataclass(frozen=True)
class Start:
    """A trained model.

    Attributes:
        config: its architecture.
        weights: by parameter.
        tokenizer: where its tokenizer is, if that is known.
        labels: what its classifier tells apart, where that has names.
        reading: how texts are given to it, where it represents them by vectors.
        source_tokenizer: where the tokenizer of what it reads is, if that is another.
        task: what it is for.
        recipe: by which it was trained, where it comes from a run.
    """

    config: ModelConfig
    weights: Mapping[str, Tensor]
    tokenizer: Path | None
    labels: tuple[str, ...] = ()
    reading: Reading | None = None
    source_tokenizer: Path | None = None
    task: str = "generate"
    recipe: Recipe | None = None


def read_start(path: Path) -> Start:
    """Read a run, one of its checkpoints, a model's folder, a Hugging Face folder or hf:OWNER/NAME.

    Raises:
        LangueError: it is none of these, or damaged.
    """
    path = local(path)
    if RunFolder(path).is_run():
        return _of_run(RunFolder(path).recipe(), _of_model(RunFolder(path).model, path))
    if is_published(path):
        checkpoint = read_published(path)
        known = None if checkpoint.tokenizer is None else path.absolute()
        weights = plain_weights(checkpoint.model)
        config, labels = checkpoint.model.config, tuple(checkpoint.labels or ())
        reads = None if checkpoint.source_tokenizer is None else source_file(path.absolute())
        task = purpose(config, checkpoint.labels, checkpoint.origin)
        return Start(config, weights, known, labels, checkpoint.reading, reads, task)
    if (path / "model" / "config.json").is_file():  # what `langue import` leaves
        return _of_model(path / "model", path)
    if (path / "config.json").is_file():
        return _of_model(path, path.parent)
    run = RunFolder(path.absolute().parent.parent)
    if path.name.startswith("step-") and run.is_run():
        recipe = run.recipe()
        weights = plain_weights(read_model(path)[0].model) if recipe.adapt else load(path).weights(averaged=False)
        source = _tokenizer(run.model, SOURCE_TOKENIZER)
        return _of_run(
            recipe, Start(recipe.model.architecture(), weights, _tokenizer(run.path), source_tokenizer=source)
        )
    if is_foreign(path):  # whose tokenizer has no file of its own that the run could name
        command = shlex.join(["langue", "import", str(path), path.stem])
        raise LangueError(f"{path} has to become a folder to begin from: {command}")
    raise LangueError(
        f"{path} holds no model: name a run, one of its checkpoints, a model's folder (Hugging Face's too), or "
        f"hf:OWNER/NAME"
    )


def _of_model(folder: Path, run: Path) -> Start:
    model = load_weights(folder)
    weights = plain_weights(model)
    labels = tuple(read_labels(folder) or ())
    tokenizer, source = _tokenizer(folder) or _tokenizer(run), _tokenizer(folder, SOURCE_TOKENIZER)
    task = purpose(model.config, read_labels(folder), read_origin(folder))
    return Start(model.config.replace(adapter=None), weights, tokenizer, labels, read_reading(folder), source, task)


def _of_run(recipe: Recipe, start: Start) -> Start:
    """Weights of a run, with what it says of them."""
    return replace(start, task=recipe.of_use().task, recipe=recipe)


def _tokenizer(folder: Path, name: str = "tokenizer.json") -> Path | None:
    file = folder / name
    return file.absolute() if file.is_file() else None


def continue_config(settings: ModelSettings, start: ModelConfig) -> ModelSettings:
    """The architecture of the weights, with what a recipe may say about it.

    Raises:
        LangueError: names the first field that weights cannot follow.
    """
    free = FREE if start.position == "learned" else FREE | {"context"}
    if _has_fewer_layers(settings, start):
        free = free | {"layers"}
    fields = {name: getattr(settings, name) for name in settings.model_fields_set}
    for name, value in fields.items():
        if name not in free and value != getattr(start, name):
            raise LangueError(
                f"model.{name} is {shown(getattr(start, name))} in {settings.path} and cannot become {shown(value)}; "
                f"leave it out"
            )
    kept = {name: value for name, value in fields.items() if name in free}
    return ModelSettings(**{**start.model_dump(), **kept})


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
    do a head and an adapter that the weights lack. A model of fewer layers gets those that stand evenly spread.

    Returns:
        The names of the parameters that keep their first values.

    Raises:
        LangueError: names another parameter that the weights lack or that has another shape there.
    """
    new = []
    # The same shape says nothing: two labels are not two others, nor the two ends of an answer.
    head = start.config.classifier
    others = (
        tuple(labels) != start.labels
        or head is None
        or model.config.classifier is None
        or head.each != model.config.classifier.each
    )
    anew = _parameters(None if model.classifier is None else model.classifier.output) if others else set()
    optional = _parameters(model.classifier) | _parameters(model.embedder)
    named, sources = roles(model), _sources(model, start)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            weight = start.weights.get(sources.get(name, name))
            if weight is not None and weight.shape == parameter.shape and parameter not in anew:
                parameter.copy_(weight)
            elif parameter in optional or named[name].kind == "adapter":
                new.append(name)
            else:
                there = "is missing" if weight is None else f"has the shape {tuple(weight.shape)}"
                raise LangueError(f"{name} should have the shape {tuple(parameter.shape)}, but {there} in the weights")
    return new


def _sources(model: Model, start: Start) -> dict[str, str]:
    """The names in the weights of parameters that have another name there, since some layers are left out."""
    names: dict[str, str] = {}
    for place, stack in model.named_modules():
        if isinstance(stack, Stack):
            kept = layers_of(len(stack.blocks), max(_blocks(start.weights, place), len(stack.blocks)))
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
