"""The cost of one trained model that was made of another: loss, size and speed of both, measured side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from langue.errors import LangueError
from langue.evaluation.cost import SECONDS, Compared, cost_of
from langue.evaluation.rows import made_up_rows, split_rows
from langue.evaluation.settings import reading_as
from langue.experiment.card import base_name
from langue.experiment.run import RunFolder
from langue.hub import local
from langue.metrics.cost import Cost
from langue.models.build import read_base
from langue.tasks import load


def cost_between(
    first: Path | str,
    second: Path | str,
    *,
    steps: Sequence[str] = (),
    run: Path | None = None,
    measure: Path | str | None = None,
    reading: Mapping[str, Any] = MappingProxyType({}),
    device: str = "auto",
    seconds: float = SECONDS,
) -> Cost:
    """The cost of one trained model that was made of another, or taught by it, however that was done.

    Args:
        first: the model before: a run, or what else `shrink` takes.
        second: the model after.
        steps: what was done, in words.
        run: the run whose data are measured on; by default the first.
        measure: and the other arguments are those of `shrink`.

    Raises:
        LangueError: they are of different tasks or tokenizers, or there are no data.
    """
    tasks = [load(path, device) for path in (first, second)]
    if not are_alike(*tasks):
        raise LangueError(
            f"{first} and {second} have different tasks or tokenizers, so their losses cannot be compared"
        )
    run = run_of(local(Path(first))) if run is None else run
    recipe = RunFolder(run).recipe().of_use() if RunFolder(run).is_run() else None
    split = split_rows(tasks[0], run, recipe, None, text_of(measure), reading_as(reading, "cost_between"))
    before, after = compared(tasks, (first, second))
    names = {"source": base_name(Path(first)), "measured_on": split.measured_on}
    return cost_of(before, after, split.measure, **names, steps=steps, seconds=seconds)


def size_between(
    first: Path | str,
    second: Path | str,
    *,
    steps: Sequence[str] = (),
    device: str = "auto",
    seconds: float = SECONDS,
) -> Cost:
    """The same without a loss, where there are no data or the two do different things; speed where both read text.

    Raises:
        LangueError: there is no such model.
    """
    tasks = [load(path, device) for path in (first, second)]
    before, after = compared(tasks, (first, second))
    rows = made_up_rows(tasks[0]) if are_alike(*tasks) else None
    source = base_name(Path(first))
    return cost_of(before, after, rows, source=source, steps=steps, measured_on=None, seconds=seconds)


def are_alike(first: Any, second: Any) -> bool:
    """True of two models whose losses are of the same task and the same tokens."""
    return first.name == second.name and first.tokenizer.fingerprint == second.tokenizer.fingerprint


def compared(tasks: Sequence[Any], paths: Sequence[Path | str]) -> list[Compared]:
    """Models with the files that they were read from."""
    return [Compared(task.model, weight_files(local(path))) for task, path in zip(tasks, paths, strict=True)]


def text_of(source: Path | str | None) -> str | None:
    """A source of data as a text."""
    return None if source is None else str(source)


def run_of(source: Path) -> Path:
    """The run that a model is of: the folder itself, or the one around a checkpoint."""
    return next((place for place in (source, *source.parents[:2]) if RunFolder(place).is_run()), source)


def weight_files(source: Path) -> list[Path]:
    """The files of a model's weights, those that its adapters stand on among them."""
    if source.is_file():
        return [source]
    folder = source / "model" if (source / "model").is_dir() else source
    files = sorted({*folder.glob("model*.safetensors"), *folder.glob("model.bin")})
    base = read_base(folder)
    return files if base is None else [*files, *weight_files(local(Path(base.path)))]
