"""Tasks: what a trained model is for. `load` finds the right one for a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langue.errors import LangueError

# Imported when they are asked for: module and class of each task.
TASKS = {"generate": ("langue.tasks.generate", "Generate")}


def load(path: Path | str, device: str = "auto") -> Any:
    """The task object of a run, a checkpoint of a run, a model's folder with its tokenizer, or a Hugging Face folder.

    Raises:
        LangueError: there is no such folder, or something in it is missing or damaged.
    """
    from importlib import import_module

    from langue.hub import is_published
    from langue.models import load_model
    from langue.text import Tokenizer
    from langue.train import choose_device

    path = Path(path)
    if is_published(path):
        return _load_published(path, device)
    if not path.is_dir():
        raise LangueError(f"there is no folder {path}")
    weights = _weights(path)
    tokenizer = next((place for place in (path, *path.parents[:2]) if (place / "tokenizer.json").is_file()), path)
    module, name = TASKS[_task(path)]
    model = load_model(weights, choose_device(device))
    return getattr(import_module(module), name)(model, Tokenizer.load(tokenizer))


def _load_published(path: Path, device: str) -> Any:
    """The task object of a Hugging Face folder, by the heads of its model."""
    from importlib import import_module

    from langue.hub import purpose, read_published
    from langue.train import choose_device

    checkpoint = read_published(path)
    task = purpose(checkpoint.model.config, checkpoint.labels, checkpoint.origin)
    if checkpoint.tokenizer is None:
        raise LangueError(f"{path} comes without its tokenizer; put its tokenizer.json there")
    module, name = TASKS[_known(task, path)]
    return getattr(import_module(module), name)(checkpoint.model.to(choose_device(device)), checkpoint.tokenizer)


def _weights(path: Path) -> Path:
    """The folder of the weights: a run keeps them in `model`, a checkpoint in itself."""
    if (path / "recipe.yaml").is_file() and not (path / "model").is_dir():
        raise LangueError(f"{path} has no model yet: its training has not come to a first evaluation")
    return path / "model" if (path / "model").is_dir() else path


def _task(path: Path) -> str:
    """What the run was trained for; a folder without a recipe tells by its model."""
    import yaml

    for place in (path, *path.parents[:2]):
        recipe = place / "recipe.yaml"
        if recipe.is_file():
            task = (yaml.safe_load(recipe.read_text(encoding="utf-8")) or {}).get("task", "generate")
            return _known(task, recipe)
    return _known(_purpose(_weights(path)), path)


def _purpose(folder: Path) -> str:
    """What a model is for that came without a recipe."""
    from langue.hub import purpose, read_labels, read_origin
    from langue.models import read_config

    return purpose(read_config(folder), read_labels(folder), read_origin(folder))


def _known(task: str, where: Path) -> str:
    if task not in TASKS:
        raise LangueError(f"{where} is of the task {task!r}, which this Langue does not know")
    return task
