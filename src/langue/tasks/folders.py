"""The folders that a trained model is read from: Langue's own, and other people's by `hub`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langue.content import read_yaml
from langue.errors import LangueError
from langue.files import check_folder
from langue.hub import PretrainedModel, is_foreign, local, read_labels, read_origin, read_reading, read_source
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.hub.folder import language_in, read_if_there
from langue.hub.peft import read_peft
from langue.hub.peft_settings import is_peft
from langue.models import Base, Model, assemble
from langue.models.build import CONFIG
from langue.recipe import Recipe
from langue.remote import PLACES, folder_of, is_name, language_of, missing_folder
from langue.tasks.bases import as_base, base_weights, load_weights, placed
from langue.tasks.recipes import read_recipe
from langue.tasks.table import TASKS
from langue.text import Tokenizer
from langue.text.tokenizer import FILE as TOKENIZER
from langue.training import checkpoint

Bits = Literal["widen", "keep"]
"""The matrices of a file that has packed them, such as GGUF's: widened to fp32, or held in the file's own bits."""

RECIPE, ENVIRONMENT = "recipe.yaml", "environment.json"
"""In a run's folder: the recipe that it is trained by, and the machine and versions, which only a run has."""


def read_model(
    path: Path, *, averaged: bool = True, adapter: Path | None = None, weights: Bits = "widen"
) -> tuple[PretrainedModel, Recipe | None]:
    """A model with all that belongs to it, on the CPU, and the recipe that it was trained by, if it was by one.

    Args:
        path: a run, a checkpoint of a run, a model's folder, a Hugging Face folder, hf:OWNER/NAME, package:NAME, or
            a GGUF file.
        averaged: of a checkpoint take the average of the weights, where the training keeps one.
        adapter: what the model is used with: a run of ours, a checkpoint or a model's folder that holds adapters of it,
            or a folder of PEFT's.
        weights: of a GGUF file, see `Bits`; folders of ours are always read in the bits that they have.

    Raises:
        LangueError: there is no such folder, something in it is missing or damaged, or the adapters are of another
            model.
    """
    if adapter is None:
        return _read(path, averaged, weights)
    adapter = local(adapter)
    if not is_peft(adapter):
        return _read(adapter, averaged, base=path)
    checkpoint, recipe = _read(path, averaged, weights)
    return read_peft(adapter, checkpoint, as_base(path, checkpoint.model)), recipe


def trained(path: Path | str, adapter: Path | str | None) -> Path | str:
    """The one of a base and its adapters that has the recipe: a folder of PEFT's has none."""
    return path if adapter is None or is_peft(local(adapter)) else adapter


def _read(
    path: Path, averaged: bool, weights: Bits = "widen", base: Path | None = None
) -> tuple[PretrainedModel, Recipe | None]:
    """The model of a path; one of adapters with its base, which may be elsewhere than it says."""
    path = local(path)
    if is_peft(path) and not (path / CONFIG).is_file():
        raise LangueError(
            f"{path} holds adapters of PEFT's alone; name the model that they stand on: BASE --adapter {path}"
        )
    if is_foreign(path):
        placed(None, base, path)
        return read_source(str(path), "packed" if weights == "keep" else "float32"), None
    if not path.is_dir():
        raise missing_folder(path)
    check_folder(path)
    return ModelFolder(path, _run_around(path)).read(averaged, base)


@dataclass(frozen=True)
class ModelFolder:
    """A folder of Langue's that holds a model.

    Attributes:
        path: a run, its `model`, one of its checkpoints, or what `langue import` or `save_model` wrote.
        run: the run that it belongs to, or the folder itself.
    """

    path: Path
    run: Path

    def read(self, averaged: bool, base: Path | None = None) -> tuple[PretrainedModel, Recipe | None]:
        """The model and the recipe of its run.

        Args:
            averaged: see `read_model`.
            base: where the base of its adapters is, if it is elsewhere than they say.

        Raises:
            LangueError: something is missing or damaged.
        """
        weights, recipe, beside = self.weights(), self.recipe(), self.run / "model"
        tokenizer = _first_file(TOKENIZER, self.path, self.run)
        # What lies beside the model of a run belongs to its checkpoints as well.
        source = _first_file(SOURCE_TOKENIZER, weights, beside)
        return PretrainedModel(
            _model(weights, recipe, averaged, base),
            None if tokenizer is None else Tokenizer.load(tokenizer),
            read_labels(weights) or read_labels(beside),
            read_origin(weights) or {**_begun_as(recipe), **({} if recipe is None else recipe.published)},
            source_tokenizer=None if source is None else Tokenizer.load(source),
            reading=read_reading(weights) or read_reading(beside),
            tokenizer_path=tokenizer,
            source_tokenizer_path=source,
        ), recipe

    def weights(self) -> Path:
        """The folder of the weights: a run keeps them in `model`, a checkpoint in itself.

        Raises:
            LangueError: there are none.
        """
        if (self.path / ENVIRONMENT).is_file() and not (self.path / "model").is_dir():
            raise LangueError(f"{self.path} has no model yet: its training has not come to a first evaluation")
        folder = self.path / "model" if (self.path / "model").is_dir() else self.path
        if not any((folder / file).is_file() for file in (CONFIG, checkpoint.STATE)):
            raise LangueError(f"{self.path} holds no model: name {PLACES}")
        return folder

    def recipe(self) -> Recipe | None:
        """The recipe of the run; None where there is no run.

        Raises:
            LangueError: it cannot be read, or is of a task that nobody knows.
        """
        recipe = self.run / RECIPE
        if not recipe.is_file():
            return None
        task = read_yaml(recipe).get("task", "generate")
        if not isinstance(task, str) or task not in TASKS:
            raise LangueError(f"{recipe} is of the task {task!r}, which this Langue does not know")
        return read_recipe(recipe)


def _begun_as(recipe: Recipe | None) -> dict[str, Any]:
    """The family of the folder that a run, or the run before it, began from, where that is there still, and its
    language if it is of one of several: of several families that a model fits it goes out as this one."""
    place = None if recipe is None else recipe.model.path
    if place is None:
        return {}
    language = language_of(place)
    if not is_name(place):
        with suppress(LangueError):  # what became of it since is no matter of this run's
            language, folder = language_in(place), folder_of(place)
            own = read_if_there(folder / CONFIG) or read_origin(folder / "model")
            settings = {"language": language, **(own or _begun_as(ModelFolder(folder, _run_around(folder)).recipe()))}
            return {name: settings[name] for name in ("model_type", "language") if settings.get(name)}
    return {} if language is None else {"language": language}


def _run_around(path: Path) -> Path:
    """The run whose model or checkpoint a folder is by its name, or the folder itself."""
    place = path.absolute()
    if (path / "model").is_dir() or (path / RECIPE).is_file():
        return path
    if place.name == "model":
        return place.parent
    return place.parents[1] if place.parent.name == "checkpoints" else path


def _model(weights: Path, recipe: Recipe | None, averaged: bool, place: Path | None) -> Model:
    """The model of a folder; a checkpoint's, whose bytes are checked first, is configured as its run's recipe says."""
    if recipe is None or not (weights / checkpoint.STATE).is_file():
        return load_weights(weights, base=place)
    # Where weights are averaged, their average is what the training evaluates and keeps.
    saved = checkpoint.load(weights)
    stated = None if saved.base is None else Base(str(recipe.model.path), saved.base)
    base = placed(stated, place, weights)
    plain = None if base is None else base_weights(base, weights)
    model = assemble(recipe.architecture(), saved.weights(averaged=averaged), weights, base=plain)
    model.base = base
    return model


def _first_file(name: str, *folders: Path) -> Path | None:
    """The file of a name in the first of some folders that has one."""
    return next((folder.absolute() / name for folder in folders if (folder / name).is_file()), None)
