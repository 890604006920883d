"""Tasks: what a trained model is for. `load` finds the right one for a folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from langue.errors import LangueError
from langue.files import every_byte
from langue.lazy import fetch

if TYPE_CHECKING:
    from langue.hub import PretrainedModel
    from langue.recipe import Recipe
    from langue.tasks.answer.predict import Answer
    from langue.tasks.classify.predict import Classify
    from langue.tasks.denoise.predict import Denoise
    from langue.tasks.embed.predict import Embed
    from langue.tasks.fill.predict import Fill
    from langue.tasks.folders import Bits
    from langue.tasks.generate.predict import Generate
    from langue.tasks.summarize.predict import Summarize
    from langue.tasks.tag.predict import Tag
    from langue.tasks.task import Task
    from langue.tasks.transcribe.predict import Transcribe
    from langue.tasks.translate.predict import Translate

Place = Path | str


# For editors, which know the verbs of a model by its task.
# fmt: off
@overload
def load(path: Place, device: str = ..., *, task: Literal["generate"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Generate: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["fill"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Fill: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["classify"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Classify: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["answer"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Answer: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["tag"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Tag: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["translate"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Translate: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["summarize"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Summarize: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["transcribe"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Transcribe: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["denoise"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Denoise: ...
@overload
def load(path: Place, device: str = ..., *, task: Literal["embed"], adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Embed: ...
@overload
def load(path: Place, device: str = ..., *, task: str | tuple[str, ...] | None = ..., adapter: Place | None = ...,
         weights: Bits = ..., verify: bool = ...) -> Task: ...
# fmt: on


def load(
    path: Path | str,
    device: str = "auto",
    *,
    task: str | tuple[str, ...] | None = None,
    adapter: Path | str | None = None,
    weights: Bits = "widen",
    verify: bool = False,
) -> Task:
    """The task object of a run, a checkpoint of a run, a model's folder with its tokenizer, or a Hugging Face folder.

    Args:
        path: of the folder; hf:OWNER/NAME for one on Hugging Face's hub, package:NAME for one in a package.
        device: cpu, cuda, …
        task: what the model is to be used for, or several of which it has to be one; editors know the object's verbs
            by it. It decides where a model comes without a recipe and could do several: a T5 translates or summarises,
            and any model of texts gives vectors.
        adapter: the adapters that the model is used with: a run of ours that trained some, or a folder of PEFT's. A
            run that knows where its base is needs no more than its own path; this way the base may have moved, and
            several adapters of one base are chosen from.
        weights: "keep" uses the packed matrices of a GGUF file in its own bits, in a fraction of the memory; "widen"
            unpacks them once, so that much text is read faster.
        verify: read every byte of large files even if they were checked on this machine before and look unchanged.

    Raises:
        LangueError: there is no such folder, something in it is missing or damaged, or the model is for another task.
    """
    from langue.tasks.folders import read_model

    with every_byte(verify):
        checkpoint, recipe = read_model(Path(path), adapter=None if adapter is None else Path(adapter), weights=weights)
    return open_task(checkpoint, recipe, Path(path), device, task=task)


def open_task(
    checkpoint: PretrainedModel,
    recipe: Recipe | None,
    path: Path,
    device: str = "auto",
    *,
    task: str | tuple[str, ...] | None = None,
) -> Task:
    """The task object of a model that was read; the other arguments are those of `load`.

    Raises:
        LangueError: it has no tokenizer, or is for another task.
    """
    from langue.training import choose_device

    wanted, recipe = (task,) if isinstance(task, str) else task, None if recipe is None else recipe.of_use()
    if checkpoint.tokenizer is None:
        raise LangueError(f"{path} holds no tokenizer; put its tokenizer.json there")
    name = _task(checkpoint, recipe, wanted or ())
    kind = task_class(name)
    if wanted is not None and name not in wanted:
        raise LangueError(f"the model was trained to {name}; {kind.hint.format(path=shlex.quote(str(path)))}")
    checkpoint.model.to(choose_device(device))
    return kind.open(checkpoint, checkpoint.tokenizer, recipe)


def task_class(name: str) -> type[Task]:
    """The class of a task's models."""
    return fetch(f"langue.tasks.{name}.predict:{name.capitalize()}")


def _task(checkpoint: PretrainedModel, recipe: Recipe | None, wanted: tuple[str, ...]) -> str:
    """The task that a model was trained for, or of several that it can do the one that is wanted."""
    from langue.hub import purposes

    if "embed" in wanted:
        return "embed"
    if recipe is not None:
        return recipe.task
    tasks = purposes(checkpoint)
    return next((name for name in wanted if name in tasks), tasks[0])
