"""`langue recipe`: those that come along, one to begin with, all fields; what is made from settings is up to date."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from labelled_rows import sentences, write_rows
from langue import cli
from langue.recipes import FOLDER, SCHEMA, names
from langue.tasks.fields import editors_schema, page, recipe_fields
from langue.tasks.recipes import read_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_made_from_the_settings_is_up_to_date() -> None:
    made = "changed settings are written into it by: make fields"
    assert (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8") == page(), made
    assert SCHEMA.read_text(encoding="utf-8") == editors_schema(), made


def test_recipes_are_listed_and_shown(capsys) -> None:
    assert cli.run(["recipe", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names()
    assert cli.run(["recipe", "list", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shakespeare"]["summary"] == "Tiny Shakespeare by characters"
    assert cli.run(["recipe", "show", "shakespeare"]) == 0
    assert capsys.readouterr().out == Path(facts["shakespeare"]["file"]).read_text()
    assert cli.run(["recipe", "show", "shakespear"]) == 2
    assert "did you mean shakespeare?" in capsys.readouterr().err


@pytest.mark.parametrize("name", names())
def test_a_new_recipe_is_that_which_comes_along(name: str, here: Path, capsys) -> None:
    assert cli.run(["recipe", "new", name, "--out", "mine.yaml"]) == 0
    assert read_recipe("mine.yaml") == read_recipe(name)
    first, *rest = (here / "mine.yaml").read_text().splitlines(keepends=True)
    assert first == f"# yaml-language-server: $schema={SCHEMA.as_uri()}\n"
    assert "".join(rest) == (FOLDER / f"{name}.yaml").read_text()


def test_fields_can_be_set_in_a_new_recipe_and_nothing_is_written_over(here: Path, capsys) -> None:
    assert cli.run(["recipe", "new", "shakespeare", "--training.steps", "7"]) == 0
    assert read_recipe("shakespeare.yaml") == read_recipe("shakespeare", {"training.steps": "7"})
    assert "Tiny Shakespeare by characters" in (here / "shakespeare.yaml").read_text()
    assert cli.run(["recipe", "new", "shakespeare"]) == 2
    assert cli.run(["recipe", "new", "shakespeare", "--out", "other.yaml", "--training.stepz", "7"]) == 2
    assert not (here / "other.yaml").exists()


def test_a_new_recipe_is_chosen_by_data(here: Path) -> None:
    write_rows(here / "rows.jsonl", sentences(60))
    assert cli.run(["recipe", "new", "rows.jsonl", "--training.steps", "7"]) == 0
    recipe = read_recipe("rows.yaml")
    assert (recipe.task, recipe.training.steps) == ("classify", 7)


def test_every_field_has_a_meaning_and_stands_once_for_a_task() -> None:
    rows = recipe_fields()
    assert all(row.meaning and row.value and row.default for row in rows)
    keys = [(row.name, task) for row in rows for task in row.tasks or ("all",)]
    assert len(keys) == len(set(keys))
    by_name = {row.name: row for row in rows}
    assert by_name["training.steps"].value == "whole number ≥ 1 or null"
    assert by_name["training.steps"].default == "2000"
    assert by_name["data.pairs.max_ratio"].tasks == ("translate", "summarize")
    assert by_name["model.encoder"].value.endswith("or null")
    assert yaml.safe_load(by_name["model.position"].default) == "rotary"


def test_fields_are_found_by_a_word(capsys) -> None:
    assert cli.run(["recipe", "fields", "warmup", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["training.warmup_steps", "training.warmup_share"]
    assert cli.run(["recipe", "fields", "warmup"]) == 0
    assert "training.warmup_steps: whole number ≥ 0 [100]\n    Steps in which" in capsys.readouterr().out
    assert cli.run(["recipe", "fields", "nothing-of-this-name"]) == 2
    assert cli.run(["recipe", "fields", "warmup", "--schema"]) == 2


@pytest.mark.parametrize("name", names())
def test_the_schema_takes_every_recipe_that_comes_along(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    from langue.content import read_yaml

    content = read_yaml(FOLDER / f"{name}.yaml")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    of_task = {**schema, "oneOf": [{"$ref": schema["discriminator"]["mapping"][content["task"]]}]}
    jsonschema.Draft202012Validator(of_task).validate(content)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(of_task).validate({**content, "training": {"stepz": 3}})
