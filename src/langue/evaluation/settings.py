"""Options of a measurement: for which tasks each has a say, and how files are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from langue.data import DataSettings
from langue.data.benchmarks import is_beir
from langue.data.store import MANIFEST
from langue.errors import LangueError, as_option, either
from langue.remote import is_name
from langue.settings import override, parse
from langue.tasks import task_class
from langue.tasks.recipes import read_recipe, recipe_class
from langue.tasks.table import USES

COMMON = ("max_line_bytes", "max_dropped")
"""Options that have a say whatever a model was trained for."""

READING = ("documents", "text", "columns", "max_line_bytes", "max_dropped")
"""Options of the way in which files are read."""


def check_options(task: Any, data: Any, names: Sequence[str]) -> None:
    """Refuse options that have no say, before hours of writing.

    Args:
        task: the task.
        data: what it is measured on.
        names: of all options that differ from what they are by default.

    Raises:
        LangueError: names one of them.
    """
    for name in names:
        if name not in (*COMMON, *task.measure_options):
            tasks = [other for other in USES if name in task_class(other).measure_options]
            raise LangueError(
                f"{as_option(name)} is for models trained to {either(tasks)}, and this one was trained to {task.name}"
            )
        if name in READING and is_store(data):
            raise LangueError(f"{as_option(name)} is for files, and {data} was read when it was made; leave it out")
        if name in READING and ("benchmark" in names or is_search_set(data)):
            raise LangueError(f"{as_option(name)} is for files and tables, and benchmarks have a layout of their own")
    if "rerank_depth" in names and "rerank" not in names:
        raise LangueError("--rerank-depth is for --rerank, which is not given")


def is_store(data: Any) -> bool:
    """True for a prepared store of tokens."""
    return isinstance(data, str) and (Path(data) / MANIFEST).is_file()


def is_search_set(data: Any) -> bool:
    """True for a folder of BEIR's layout."""
    return isinstance(data, str) and is_beir(data)


def refuse_split(split: str | None, data: Any) -> None:
    """Refuse to look for a split in a table.

    Raises:
        LangueError: there is one to look for.
    """
    if split is not None:
        raise LangueError(
            f"--split is for benchmarks and search sets, and {data if isinstance(data, str) else 'rows'} is neither"
        )


def reading_as(settings: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """The settings of data that a user gave a verb, checked; without those that are None.

    Raises:
        LangueError: one cannot be so.
    """
    known = {name: value for name, value in settings.items() if value is not None}
    typed = {name: value for name, value in known.items() if isinstance(value, str)}
    content = {"train": "", **override(known, typed)}
    return parse(DataSettings, content, verb, changed=typed).model_dump(include=set(known))


def recipe_data(run: Path | str | None, task: str, reading: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The data settings of a run's training, with those that a user gave now; without a run of this task, as
    its recipes do by default."""
    for place in () if run is None or is_name(run) else (Path(run), *Path(run).parents[:2]):
        if (place / "recipe.yaml").is_file():
            recipe = read_recipe(place / "recipe.yaml").of_use()
            if recipe.task == task:
                return recipe.data.replace(**reading)
    return recipe_class(task)(task=task, data={"train": ""}).data.replace(**reading)  # type: ignore[arg-type]
