"""All fields of recipes with what each means, as rows, as the page docs/recipe.md, and as the schema for editors."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from langue.recipes import names, summary
from langue.settings import Settings
from langue.tasks.recipes import recipe_class, recipe_schema
from langue.tasks.table import TASKS

_PLAIN: Mapping[Any, str] = {
    int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", type(None): "null",
    Any: "any",
}  # fmt: skip
_BOUNDS: Mapping[type, tuple[str, str]] = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


@dataclass(frozen=True)
class RecipeField:
    """One field.

    Attributes:
        name: dotted, as an option of the command line is called.
        value: what it takes, in words.
        default: as YAML has it; "required" where there is none.
        meaning: one or a few sentences.
        tasks: whose recipes have it; all where it is empty.
    """

    name: str
    value: str
    default: str
    meaning: str
    tasks: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """The part of its name before the first point; of a field by itself, its name."""
        return self.name.partition(".")[0]

    def as_json(self) -> dict[str, Any]:
        """The same for a script to read."""
        return asdict(self)


def recipe_fields() -> list[RecipeField]:
    """All fields of all tasks' recipes, each once, those of one section together."""
    tasks: dict[RecipeField, list[str]] = {}
    for task in TASKS:
        for row in _fields(recipe_class(task), ""):
            tasks.setdefault(row, []).append(task)
    rows = [
        RecipeField(row.name, row.value, row.default, row.meaning, () if len(own) == len(TASKS) else tuple(own))
        for row, own in tasks.items()
        if row.name != "task"
    ]
    order = list(dict.fromkeys(row.section for row in rows))
    first = RecipeField("task", " · ".join(TASKS), "required", "The task that the model learns.")
    return [first, *sorted(rows, key=lambda row: order.index(row.section))]


def _fields(kind: type[Settings], before: str) -> Iterator[RecipeField]:
    for name, field in kind.model_fields.items():
        held = _held(field.annotation)
        meaning = " ".join((field.description or "").split())
        if held is None or type(None) in get_args(field.annotation):
            yield RecipeField(before + name, value_in_words(field), _default(field), meaning)
        if held is not None:
            yield from _fields(held, f"{before}{name}.")


def _held(annotation: Any) -> type[Settings] | None:
    """The settings that a field holds, where it holds some of one kind."""
    kinds = [annotation, *get_args(annotation)] if _is_union(annotation) else [annotation]
    settings = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)]
    rest = [kind for kind in kinds if kind not in settings and kind is not type(None) and not _is_union(kind)]
    return settings[0] if len(settings) == 1 and not rest else None


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def value_in_words(field: FieldInfo) -> str:
    """The values that a field takes, with its bounds."""
    bounds = [
        f"{sign} {getattr(bound, name):,}"
        for bound in field.metadata
        for sign, name in [_BOUNDS.get(type(bound), ("", ""))]
        if sign
    ]
    words = list(dict.fromkeys(_words(field.annotation)))
    null = ["null"] if "null" in words else []
    words = [word for word in words if word != "null"]
    if words:
        words[0] = " ".join([words[0], *([" and ".join(bounds)] if bounds else [])])
    return " or ".join([*words, *null])


def _words(annotation: Any) -> Iterator[str]:
    if _is_union(annotation):
        for part in get_args(annotation):
            yield from _words(part)
    elif get_origin(annotation) is Annotated:
        yield from _words(get_args(annotation)[0])
    elif get_origin(annotation) is Literal:
        yield " · ".join(str(value) for value in get_args(annotation))
    elif get_origin(annotation) in (list, tuple):
        parts = [part for part in get_args(annotation) if part is not Ellipsis]
        yield f"list of {' and '.join(dict.fromkeys(word for part in parts for word in _words(part)))}"
    elif get_origin(annotation) is dict:
        yield "table"
    elif isinstance(annotation, type) and issubclass(annotation, Settings):
        yield f"table with {', '.join(annotation.model_fields)}" if len(annotation.model_fields) < 5 else "table"
    else:
        yield _PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    """A default as YAML writes it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False)


def editors_schema() -> str:
    """The JSON schema of all recipes, as it lies beside those that come along: over many lines, so that two changes of
    settings can be merged."""
    return json.dumps(recipe_schema(), ensure_ascii=False, indent=1) + "\n"


def page() -> str:
    """The page docs/recipe.md."""
    rows = recipe_fields()
    sections: dict[str, list[RecipeField]] = {}
    for row in rows:
        sections.setdefault(row.section if "." in row.name else "", []).append(row)
    parts = [_INTRODUCTION.format(count=len(rows)), *_recipes(), ""]
    for section, own in sections.items():
        parts += [f"## {section or 'By themselves'}", "", *_table(own), ""]
    return "\n".join(parts)


_INTRODUCTION = """\
# Recipes

One YAML file says everything about a training. Here are all {count:,} fields; this page is made from the settings
themselves, by `langue recipe fields --markdown`, and `langue recipe fields WORD` shows those whose names have this word
in them. Every field can be given on the command line by its dotted name: `langue train shakespeare --training.steps
200`. A field that is not there has its default; one that no task knows is refused, and the nearest is named.

`langue recipe list` names the recipes that come along, `langue recipe show NAME` prints one, and `langue recipe new`
writes a recipe to begin with, from one of them or chosen by data:

```sh
langue recipe list
langue recipe show shakespeare
langue recipe new shakespeare --out mine.yaml
langue recipe new claims.csv --out claims.yaml
langue train mine.yaml --data.train mine.txt
```

A file of a recipe's name in the folder comes before the recipe that comes along, which is said.

**In an editor** that knows YAML's language server, such as VS Code, fields are completed, explained and checked by
the line that recipes of Langue's begin with; `langue recipe fields --schema > recipe.schema.json` makes a schema to
keep beside recipes of one's own:

```yaml
# yaml-language-server: $schema=recipe.schema.json
task: generate
```

## Recipes that come along
"""


def _recipes() -> list[str]:
    return [f"- `{name}`: {summary(name)}." for name in names()]


def _table(rows: Iterable[RecipeField]) -> list[str]:
    lines = ["| field | value | default | |", "|---|---|---|---|"]
    for row in rows:
        tasks = f" ({_tasks(row.tasks)})" if row.tasks else ""
        cells = [f"`{row.name}`", row.value, f"`{row.default}`", row.meaning + tasks]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def _tasks(tasks: Sequence[str]) -> str:
    """The tasks of a field, or those that lack it where they are fewer."""
    lacking = [task for task in TASKS if task not in tasks]
    return f"all but {', '.join(lacking)}" if len(lacking) < 4 else ", ".join(tasks)
