"""Tasks: what a trained model is for. `load` finds the right one for a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.errors import LangueError

if TYPE_CHECKING:
    from langue.models import ModelConfig
    from langue.recipe import Recipe

# Imported when they are asked for: module and class of each task.
TASKS = {
    "generate": ("langue.tasks.generate", "Generate"),
    "fill": ("langue.tasks.fill", "Fill"),
    "classify": ("langue.tasks.classify", "Classify"),
    "answer": ("langue.tasks.answer", "Answer"),
    "translate": ("langue.tasks.translate", "Translate"),
    "denoise": ("langue.tasks.denoise", "Denoise"),
    "summarize": ("langue.tasks.summarize", "Summarize"),
}


def load(path: Path | str, device: str = "auto") -> Any:
    """The task object of a run, a checkpoint of a run, or a model's folder with its tokenizer.

    Raises:
        LangueError: there is no such folder, or something in it is missing or damaged.
    """
    from importlib import import_module

    from langue.models import load_model
    from langue.text import Tokenizer
    from langue.train import choose_device

    path = Path(path)
    if not path.is_dir():
        raise LangueError(f"there is no folder {path}")
    weights = _weights(path)
    tokenizer = next((place for place in (path, *path.parents[:2]) if (place / "tokenizer.json").is_file()), path)
    recipe = _recipe(path)
    model = load_model(weights, choose_device(device))
    module, name = TASKS[_task_of(model.config) if recipe is None else recipe.task]
    return getattr(import_module(module), name).open(model, Tokenizer.load(tokenizer), weights, recipe)


def _weights(path: Path) -> Path:
    """The folder of the weights: a run keeps them in `model`, a checkpoint in itself."""
    if (path / "recipe.yaml").is_file() and not (path / "model").is_dir():
        raise LangueError(f"{path} has no model yet: its training has not come to a first evaluation")
    return path / "model" if (path / "model").is_dir() else path


def _recipe(path: Path) -> Recipe | None:
    """The recipe that a run, or the run around a checkpoint, was trained by; None where there is no run.

    Raises:
        LangueError: it cannot be read, or is of a task that nobody knows.
    """
    import yaml

    from langue.recipe import read_recipe

    for place in (path, *path.parents[:2]):
        recipe = place / "recipe.yaml"
        if recipe.is_file():
            task = (yaml.safe_load(recipe.read_text(encoding="utf-8")) or {}).get("task", "generate")
            if task not in TASKS:
                raise LangueError(f"{recipe} is of the task {task!r}, which this Langue does not know")
            return read_recipe(recipe)
    return None


def _task_of(config: ModelConfig) -> str:
    """What a model without a recipe is for: what its classifier judges, else what its form is good for."""
    if config.classifier is not None and config.classifier.outputs:
        return "classify" if config.classifier.each == "text" else "answer"
    return {"encoder": "fill", "decoder": "generate", "seq2seq": "translate"}[config.form]
