"""Tasks: what a trained model is for. `load` finds the right one for a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.errors import LangueError
from langue.files import check_folder, every_byte

if TYPE_CHECKING:
    from langue.hub import PretrainedModel
    from langue.models import Model
    from langue.recipe import Recipe

# Imported when they are asked for: module and class of each task.
TASKS = {
    "generate": ("langue.tasks.generate", "Generate"),
    "fill": ("langue.tasks.fill", "Fill"),
    "classify": ("langue.tasks.classify", "Classify"),
    "answer": ("langue.tasks.answer", "Answer"),
    "tag": ("langue.tasks.tag", "Tag"),
    "translate": ("langue.tasks.translate", "Translate"),
    "denoise": ("langue.tasks.denoise", "Denoise"),
    "summarize": ("langue.tasks.summarize", "Summarize"),
    "transcribe": ("langue.tasks.transcribe", "Transcribe"),
    "embed": ("langue.tasks.embed", "Embed"),
}

REWRITERS = ("translate", "summarize")


def load(path: Path | str, device: str = "auto", task: str | None = None, *, verify: bool = False) -> Any:
    """The task object of a run, a checkpoint of a run, a model's folder with its tokenizer, or a Hugging Face folder.

    Args:
        path: of the folder, or hf:OWNER/NAME for one on Hugging Face's hub.
        device: cpu, cuda, …
        task: translate or summarize: what to take a rewriting model for that comes without a recipe, since a T5 does
            either, as it is told; or embed, since any model of texts can be asked for vectors. All other models say
            themselves what they are for.
        verify: read every byte of large files even if they were checked on this machine before and look unchanged.

    Raises:
        LangueError: there is no such folder, or something in it is missing or damaged.
    """
    from importlib import import_module

    from langue.train import choose_device

    path = Path(path)
    with every_byte(verify):
        checkpoint, recipe = read_model(path)
    if checkpoint.tokenizer is None:
        raise LangueError(f"{path} holds no tokenizer; put its tokenizer.json there")
    task = "embed" if task == "embed" else _task(checkpoint, recipe, path, task)
    module, name = TASKS[task]
    model = checkpoint.model.to(choose_device(device))
    own = checkpoint.source_tokenizer
    more: dict[str, Any] = {} if own is None else {"source_tokenizer": own}
    if task == "embed":
        more = {"reading": checkpoint.reading}
    return getattr(import_module(module), name).open(model, checkpoint.tokenizer, checkpoint.labels, recipe, **more)


def read_model(path: Path) -> tuple[PretrainedModel, Recipe | None]:
    """A model with all that belongs to it, on the CPU, and the recipe that it was trained by, if it was by one.

    Args:
        path: a run, a checkpoint of a run, a model's folder, a Hugging Face folder, hf:OWNER/NAME, or a GGUF file.

    Raises:
        LangueError: there is no such folder, or something in it is missing or damaged.
    """
    from langue.hub import PretrainedModel, is_foreign, local, read_labels, read_origin, read_reading, read_source
    from langue.hub.checkpoint import SOURCE_TOKENIZER
    from langue.text import Tokenizer

    path = local(path)
    if is_foreign(path):
        return read_source(str(path)), None
    if not path.is_dir():
        raise LangueError(f"there is no folder {path}")
    check_folder(path)
    weights = _weights(path)
    recipe = _recipe(path)
    model = _model(weights, recipe)
    tokenizer = next((place for place in (path, *path.parents[:2]) if (place / "tokenizer.json").is_file()), None)
    # What lies beside the model of a run belongs to its checkpoints as well.
    beside = path.parent.parent / "model"
    sources = (folder / SOURCE_TOKENIZER for folder in (weights, beside))
    source = next((Tokenizer.load(file) for file in sources if file.is_file()), None)
    return PretrainedModel(
        model,
        None if tokenizer is None else Tokenizer.load(tokenizer),
        read_labels(weights) or read_labels(beside),
        read_origin(weights),
        source_tokenizer=source,
        reading=read_reading(weights) or read_reading(beside),
    ), recipe


def _weights(path: Path) -> Path:
    """The folder of the weights: a run keeps them in `model`, a checkpoint in itself."""
    if (path / "recipe.yaml").is_file() and not (path / "model").is_dir():
        raise LangueError(f"{path} has no model yet: its training has not come to a first evaluation")
    return path / "model" if (path / "model").is_dir() else path


def _model(weights: Path, recipe: Recipe | None) -> Model:
    """The model of a folder; a checkpoint's, whose bytes are checked first, is configured as its run's recipe says."""
    from langue.models import assemble, load_model
    from langue.train import checkpoint

    if recipe is None or not (weights / checkpoint.STATE).is_file():
        return load_model(weights)
    # Where weights are averaged, their average is what the training evaluates and keeps.
    tensors = checkpoint.load(weights).weights(averaged=True)
    return assemble(recipe.model.architecture(), tensors, weights)


def _recipe(path: Path) -> Recipe | None:
    """The recipe that a run, or the run around a checkpoint, was trained by; None where there is no run.

    Raises:
        LangueError: it cannot be read, or is of a task that nobody knows.
    """
    from langue.content import read_yaml
    from langue.recipe import read_recipe

    for place in (path, *path.parents[:2]):
        recipe = place / "recipe.yaml"
        if recipe.is_file():
            task = read_yaml(recipe).get("task", "generate")
            if not isinstance(task, str) or task not in TASKS:
                raise LangueError(f"{recipe} is of the task {task!r}, which this Langue does not know")
            return read_recipe(recipe)
    return None


def _task(checkpoint: PretrainedModel, recipe: Recipe | None, path: Path, wanted: str | None) -> str:
    from langue.hub import purpose

    if recipe is not None:
        return recipe.task
    task = purpose(checkpoint.model.config, checkpoint.labels, checkpoint.origin)
    if task in REWRITERS and wanted in REWRITERS:
        return wanted
    if task not in TASKS:
        raise LangueError(f"{path} holds a model to {task}, for which there is no task yet; known: {', '.join(TASKS)}")
    return task
