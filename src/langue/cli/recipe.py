"""`langue recipe list`, `show`, `new` and `fields`: recipes that come along, one to begin with, and its fields."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from langue.cli.options import AtLeastOne, Changes, Flag, Json
from langue.errors import LangueError


def list_(*, as_json: Json = False) -> None:
    """List the recipes that come with Langue.

    Args:
        as_json: Print one JSON object with the file and the sentence of each.
    """
    from langue.recipes import FOLDER, names, summary

    if as_json:
        facts = {name: {"file": str(FOLDER / f"{name}.yaml"), "summary": summary(name)} for name in names()}
        print(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, names()))
    for name in names():
        print(f"{name:<{width}}  {summary(name)}")


def show(name: str, /) -> None:
    """Print a recipe: its remarks say what it is for and how it is used.

    Args:
        name: The name of a recipe that comes with Langue, or a YAML file, which comes first.
    """
    from langue.recipes import find_recipe

    print(find_recipe(name).read_text(encoding="utf-8"), end="")


def new(*sources: AtLeastOne, out: Path | None = None, start_from: Path | None = None, changes: Changes = ()) -> None:
    """Write a recipe to begin with, which editors complete and check.

    Args:
        sources: The name of a recipe that comes with Langue, or data by which one is chosen, as langue train does.
        out: The file to write; by default the name with .yaml, in this folder.
        start_from: A run, a checkpoint or a model's folder (Hugging Face's too) or hf:OWNER/NAME whose weights to begin
            with.
    """
    from langue.cli.fields import read_fields
    from langue.cli.sources import ask_columns, name_of
    from langue.experiment.sources import choose
    from langue.files import write_text
    from langue.recipes import is_recipe

    file = out or Path(f"{name_of(sources)}.yaml")
    if file.exists():
        raise LangueError(f"{file} is there already; choose another --out")
    if len(sources) == 1 and is_recipe(sources[0]):
        write_text(file, _copied(sources[0], read_fields(changes), start_from))
    else:
        choose(sources, file, Path("runs") / file.stem, read_fields(changes), start_from, ask_columns)
    print(f"{file}: change it, and train by: {shlex.join(['langue', 'train', str(file)])}")


def _copied(name: str, changes: dict[str, str], start_from: Path | None) -> str:
    """The text of a recipe with the line for editors, its remarks, and what was changed.

    Raises:
        LangueError: a field is unknown or wrong.
    """
    import yaml

    from langue.content import read_yaml
    from langue.recipes import SCHEMA, find_recipe
    from langue.settings import override
    from langue.tasks.recipes import read_recipe

    if start_from is not None:
        changes = {**changes, "model.path": str(start_from)}
    read_recipe(name, changes)
    text = find_recipe(name).read_text(encoding="utf-8")
    if changes:
        remarks = "".join(f"{line}\n" for line in text.split("\n") if line.startswith("#"))
        content = override(read_yaml(find_recipe(name)), changes)
        text = remarks + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return f"# yaml-language-server: $schema={SCHEMA.as_uri()}\n{text}"


def fields(*words: str, as_json: Json = False, schema: Flag = False, markdown: Flag = False) -> None:
    """Tell what may stand in a recipe: each field with what it takes, its default and its meaning.

    Args:
        words: Show only fields whose names have one of these in them, such as training or dropout.
        as_json: Print one JSON object for each field.
        schema: Print the JSON schema of all recipes, for editors.
        markdown: Print the page docs/recipe.md.
    """
    from langue.tasks.fields import editors_schema, page, recipe_fields

    if schema + markdown + as_json > 1 or (words and (schema or markdown)):
        raise LangueError(
            "langue recipe fields takes one of --json, --schema and --markdown, the last two without words"
        )
    if schema or markdown:
        print(editors_schema() if schema else page(), end="")
        return
    chosen = [row for row in recipe_fields() if not words or any(word in row.name for word in words)]
    if not chosen:
        raise LangueError(f"no field has {' or '.join(words)} in its name; langue recipe fields shows all")
    for row in chosen:
        if as_json:
            print(json.dumps(row.as_json(), ensure_ascii=False))
        else:
            tasks = f" ({', '.join(row.tasks)})" if row.tasks else ""
            print(f"{row.name}: {row.value} [{row.default}]\n    {row.meaning}{tasks}")
