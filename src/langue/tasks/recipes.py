"""Recipes read from YAML: the class of a recipe is that of its task."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from langue.console import remark
from langue.content import read_yaml
from langue.data.sources import EMBEDDED
from langue.errors import LangueError, reading
from langue.lazy import fetch
from langue.models.presets import preset
from langue.recipe import ModelSettings, Recipe
from langue.recipes import find_recipe, names
from langue.remote import PACKAGE, is_name
from langue.settings import override, parse
from langue.tasks.table import TASKS


def recipe_class(task: str) -> type[Recipe]:
    """The class of a task's recipes."""
    return fetch(f"langue.tasks.{task}.settings:{task.capitalize()}Recipe")


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of all recipes, with a description of each field, for editors that complete and check YAML."""
    union: Any = reduce(or_, map(recipe_class, TASKS))
    return TypeAdapter(Annotated[union, Field(discriminator="task")]).json_schema()


def read_recipe(source: Path | str | Mapping[str, Any], changes: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        source: its YAML file, the name of a recipe that comes with Langue, or what would stand in such a file.
        changes: `{"training.steps": "200"}`, values as in YAML, which come before the file's.

    A relative path in the recipe is looked for from the working directory and then from the recipe's folder.

    Raises:
        LangueError: names the file or the option, the key, and the nearest right key or what should stand there.
    """
    if isinstance(source, Mapping):
        content, folder, where = dict(source), Path(), "the recipe"
    else:
        file = find_recipe(source)
        if file == Path(source) and str(source) in names():
            remark(f"{source} is the file in this folder, and not the recipe of this name that comes with Langue")
        content, folder, where = read_yaml(file), file.parent, str(source)
    with reading(where):
        if "model.preset" in (changes or {}):
            content = _without_preset(content)
        content = override(content, changes or {})
        kind = _class_of(content, "--task" if "task" in (changes or {}) else where) if "task" in content else Recipe
        content = located(content, kind.paths, folder)
        _check_sections(content, kind, where, changes or {})
    return parse(kind, content, where, changed=list(changes or {}))


def _class_of(content: Mapping[str, Any], where: str) -> type[Recipe]:
    """The class of a recipe by its content.

    Raises:
        LangueError: there is no such task; names the nearest.
    """
    task = content["task"]
    if not isinstance(task, str) or task not in TASKS:
        nearest = difflib.get_close_matches(str(task)[:40], TASKS, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(TASKS)}"
        raise LangueError(f"{where}: there is no task {task!r:.60}; {hint}")
    return recipe_class(task)


def _check_sections(content: Mapping[str, Any], kind: type[Recipe], where: str, changes: Mapping[str, str]) -> None:
    """Refuse a section of another task, which would have no say.

    Raises:
        LangueError: names the tasks that have it.
    """
    for section in content.keys() - kind.model_fields.keys():
        tasks = [task for task in TASKS if section in recipe_class(task).model_fields]
        if tasks:
            option = next((f"--{name}" for name in changes if name.partition(".")[0] == section), where)
            raise LangueError(
                f"{option}: {section} has no say where the task is {content['task']}; it is for {', '.join(tasks)}"
            )


def _without_preset(content: dict[str, Any]) -> dict[str, Any]:
    """Take out what a preset or a default filled in, so that another preset can fill it; keep what was chosen.

    A run's own recipe.yaml names the preset and every field, and those fields would hide the new preset's.
    """
    model = content.get("model")
    if not isinstance(model, dict) or "preset" not in model:
        return content
    filled = {**ModelSettings().model_dump(mode="json"), **preset(model["preset"])}
    chosen = {key: value for key, value in model.items() if key not in filled or filled[key] != value}
    return {**content, "model": {key: value for key, value in chosen.items() if key != "preset"}}


def located(content: dict[str, Any], paths: Mapping[str, tuple[str, ...]], folder: Path) -> dict[str, Any]:
    """The same content with absolute paths, where they lead to something.

    Args:
        content: of a file.
        paths: the fields that name files, by section, whose name may be dotted or empty.
        folder: that relative paths are looked for in after the working directory.
    """
    for section, fields in paths.items():
        locate = _locate if section == "data" else _locate_file
        content = _with_section(content, section.split(".") if section else [], fields, partial(locate, folder=folder))
    return content


def _with_section(
    content: Any, section: Sequence[str], names: Sequence[str], locate: Callable[[Any], Any]
) -> dict[str, Any]:
    """The same content with the fields of these names in a section, where it is there, replaced by what is located."""
    if not isinstance(content, dict):
        return content
    if not section:
        return {name: locate(value) if name in names else value for name, value in content.items()}
    first, *rest = section
    inner = {first: _with_section(content[first], rest, names, locate)} if first in content else {}
    return {**content, **inner}


def _locate_file(value: Any, folder: Path) -> Any:
    """The path of one file or folder; whatever else a value may be stays as it is."""
    return _locate(value, folder) if isinstance(value, str) and not is_name(value) else value


def _locate(value: Any, folder: Path) -> Any:
    """A path or glob, a list of them, or a table of them with weights; names of other sources stay as they are."""
    if isinstance(value, list):
        return [_locate(part, folder) for part in value]
    if isinstance(value, dict) and value.keys() == {"source", "target"}:
        return {side: _locate(path, folder) for side, path in value.items()}
    if isinstance(value, dict):
        return {_locate(name, folder): weight for name, weight in value.items()}
    if not isinstance(value, str) or value == EMBEDDED or value.startswith(PACKAGE):
        return value
    for start in (Path.cwd(), folder.absolute()):
        hub = "hf:" if value.startswith("hf:") else ""
        name, colon, split = value.removeprefix(hub).partition(":") if hub else (value, "", "")
        place = str(start / Path(name).expanduser())
        if name and (Path(place).exists() or glob.glob(place, recursive=True)):
            return f"{hub}{place}{colon}{split}"
    return value
