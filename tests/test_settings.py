"""Settings: every mistake in a file or on the command line is named together with what would be right."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import langue
from langue.content import read_yaml
from langue.errors import LangueError
from langue.recipe import Recipe
from langue.settings import Settings, override, parse
from langue.tasks.recipes import read_recipe, recipe_schema
from langue.tasks.table import TASKS


class Inner(Settings):
    steps: int = 10
    learning_rate: float = 1e-3


class Outer(Settings):
    task: str
    training: Inner = Inner()
    perhaps: Inner | None = None
    names: tuple[str, ...] = ()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Inner().steps = 3  # type: ignore[misc]


def test_yaml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("task: écrire\ntraining: {steps: 5}\n", encoding="utf-8")
    assert parse(Outer, read_yaml(path), "a.yaml") == Outer(task="écrire", training=Inner(steps=5))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"task: [1", r"a\.yaml, line 1 is not valid YAML"),
        (b"a: 1\nb: {\n", r"a\.yaml, line 3 is not valid YAML"),
        (b"\xff\xfe\x00binary", r"a\.yaml cannot be read"),
        (b"- one\n- two\n", r"a\.yaml must hold settings by name, but holds list"),
        (b"", r"a\.yaml must hold settings by name, but holds nothing"),
        (b"a: !!python/object/apply:os.getcwd []\n", r"a\.yaml, line 1 is not valid YAML"),
    ],
)
def test_what_is_no_yaml_of_settings_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(LangueError, match=said):
        read_yaml(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(LangueError, match=r"none\.yaml does not exist"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(LangueError, match="cannot be read"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"task": "a", "trianing": {}}, "^here: unknown key trianing; did you mean training\\?$"),
        (
            {"task": "a", "training": {"learning_rat": 1}},
            "^here: unknown key training.learning_rat; did you mean learning_rate\\?$",
        ),
        (
            {"task": "a", "perhaps": {"stepps": 1}},
            "^here: unknown key perhaps.stepps; did you mean steps\\?$",
        ),
        ({"task": "a", "training": {"zzz": 1}}, "^here: unknown key training.zzz; known: learning_rate, steps$"),
        ({}, "^here: task is missing$"),
        ({"task": "a", "training": {"steps": "many"}}, "^here: training.steps: .*integer.*, got 'many'$"),
        ({"task": "a", "names": "one"}, "^here: names: input should be a list, such as \\[one\\], got 'one'$"),
        ({"task": "a", "training": 3}, "^here: training: .*, got 3$"),
    ],
)
def test_a_wrong_field_is_named_with_the_right_one(content: dict, said: str) -> None:
    with pytest.raises(LangueError, match=said):
        parse(Outer, content, "here")


def test_a_field_that_the_command_line_changed_is_named_as_an_option() -> None:
    content = override({"task": "a", "training": {"learning_rate": "x"}}, {"training.stpes": "3"})
    with pytest.raises(LangueError, match=r"^here: training\.learning_rate: "):
        parse(Outer, content, "here", changed=["training.stpes"])
    with pytest.raises(LangueError, match=r"^--trianing\.steps: unknown key trianing; did you mean training\?$"):
        parse(Outer, override({"task": "a"}, {"trianing.steps": "3"}), "here", changed=["trianing.steps"])
    content = override({"task": "a"}, {"training.stpes": "3"})
    with pytest.raises(LangueError, match=r"^--training\.stpes: unknown key .* did you mean steps\?$"):
        parse(Outer, content, "here", changed=["training.stpes"])


def test_overrides_are_yaml_values_and_leave_the_original_alone() -> None:
    content = {"task": "a", "training": {"steps": 1, "learning_rate": 0.5}}
    changed = override(content, {"training.steps": "7", "perhaps.learning_rate": "3e-4", "task": "b"})
    assert content == {"task": "a", "training": {"steps": 1, "learning_rate": 0.5}}
    found = parse(Outer, changed, "here")
    assert found == Outer(task="b", training=Inner(steps=7, learning_rate=0.5), perhaps=Inner(learning_rate=3e-4))
    values = {"a": "[1, x]", "b": "null", "c": "true", "d": "{x: 1}", "e": "*.txt", "f": "ROMEO:", "g": "a: b"}
    expected = {"a": [1, "x"], "b": None, "c": True, "d": {"x": 1}, "e": "*.txt", "f": "ROMEO:", "g": "a: b"}
    assert override({}, values) == expected


def test_overrides_that_cannot_be_are_named() -> None:
    with pytest.raises(LangueError, match=r"--task\.part: task is 'a' and has no part part"):
        override({"task": "a"}, {"task.part": "1"})
    with pytest.raises(LangueError, match=r"--task: '\[1' is not a valid value"):
        override({}, {"task": "[1"})


class Kinds(Settings):
    source: str | list[str] | dict[str, float]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1, "b": {"path": "x"}}, "recipe: source.b: input should be a valid number"),
        (["x", 2], "recipe: source.1: input should be a valid string, got 2"),
        (3, "recipe: source: input should be a valid string, got 3"),
    ],
)
def test_of_a_field_of_several_kinds_the_one_that_was_meant_is_told(value: Any, said: str) -> None:
    """Not the first in the list of kinds, and without that kind's name in the place of a key."""
    with pytest.raises(LangueError) as error:
        parse(Kinds, {"source": value}, "recipe")
    assert str(error.value) == said


def kinds(base: type[Settings] = Settings) -> set[type[Settings]]:
    """All settings of the package, whose modules are imported for it."""
    for module in pkgutil.walk_packages(langue.__path__, "langue."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    every, rest = set(), [base]
    while rest:
        rest += (found := rest.pop().__subclasses__())
        every |= {kind for kind in found if kind.__module__.startswith("langue.")}
    return every


def test_all_that_is_missing_or_unknown_is_named_at_once() -> None:
    with pytest.raises(LangueError, match=r"^the recipe: task is missing; data is missing$"):
        read_recipe({})
    with pytest.raises(LangueError, match=r"unknown key training\.stps; did you mean steps\?; unknown key tsk"):
        read_recipe({"tsk": 1, "task": "generate", "data": {"train": "x"}, "training": {"stps": 1}})


def test_every_field_of_every_kind_of_settings_is_described() -> None:
    every = kinds()
    assert Recipe in every
    missing = [
        f"{kind.__name__}.{name}"
        for kind in every
        for name, field in kind.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert missing == []


def test_a_field_that_is_stated_anew_keeps_its_help() -> None:
    class Base(Settings):
        size: int = 1
        """The size."""
        rate: float = 1.0
        """The rate."""

    class Derived(Base):
        size: int = 2
        rate: float = 2.0
        """Another rate."""

    shown = {name: key["description"] for name, key in Derived.model_json_schema()["properties"].items()}
    assert shown == {"size": "The size.", "rate": "Another rate."}
    assert Derived() == Derived(size=2, rate=2.0)


def test_the_schema_of_a_recipe_says_what_each_key_means() -> None:
    schema = recipe_schema()
    assert schema["discriminator"]["propertyName"] == "task"
    assert set(schema["discriminator"]["mapping"]) == set(TASKS)
    assert schema["$defs"]["FillRecipe"]["properties"]["task"]["description"] == "The task that the model learns."
    layers = json.dumps(schema["$defs"]["ModelSettings"]["properties"]["layers"])
    assert "The slowest rotary wavelength" in layers
    assert "differs from what stands beside" in layers
    assert all(key["description"] for part in schema["$defs"].values() for key in part.get("properties", {}).values())
