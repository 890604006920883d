"""Recipes by name: each that comes along is right, a file of that path wins, and what is none is told from a text."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import langue
from langue import cli
from langue.errors import LangueError
from langue.recipe import Recipe
from langue.recipes import FOLDER, find_recipe, names
from langue.tasks.recipes import read_recipe

TINY = ["--model.preset", "gru-nano", "--model.width", "16", "--model.layers", "1", "--data.train", "text.txt"]
SHORT = ["--training.steps", "2", "--samples.max_tokens", "0"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("ROMEO: a rose by any other name.\n" * 200)
    return tmp_path


@pytest.mark.parametrize("name", names())
def test_each_that_comes_along_is_right_and_says_how_it_is_used(name: str) -> None:
    assert isinstance(read_recipe(name), Recipe)
    command = next(line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if "langue train" in line)
    assert shlex.split(command.strip("#…\\ "))[2] == name


def test_the_package_holds_the_recipes_that_the_documents_name() -> None:
    root = Path(__file__).parents[1]
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        named = re.findall(r"langue(?: train| plan| race|\.train\(\")[ ]?([a-z][a-z-]*)\b(?=[ \"])", page.read_text())
        assert set(named) <= set(names()), page


def test_one_is_trained_planned_and_raced_by_its_name(here: Path, capsys) -> None:
    assert cli.run(["plan", "shakespeare", *TINY]) == 0
    assert cli.run(["train", "shakespeare", *TINY, *SHORT, "--out", "run"]) == 0
    assert read_recipe("run/recipe.yaml").tokenizer.kind == "char"
    race = ["race", "shakespeare", "mlp-nano", "--tokens", "2000", "--data.train", "text.txt", "--out", "race"]
    assert cli.run([*race, "--data.dev", "0.1", "--samples.max_tokens", "5"]) == 0
    assert (here / "race" / "race.json").exists()


def test_python_takes_a_name_as_well(here: Path) -> None:
    with pytest.raises(LangueError, match=r"there is no file input\.txt"):
        langue.train("shakespeare", "run")


def test_a_file_of_that_path_wins_and_a_folder_does_not(here: Path) -> None:
    (here / "shakespeare").mkdir()
    assert read_recipe("shakespeare").tokenizer.kind == "char"
    (here / "shakespeare").rmdir()
    (here / "shakespeare").write_text("task: generate\ndata: {train: text.txt}\ntraining: {steps: 7}\n")
    assert read_recipe("shakespeare").training.steps == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shakespear", "did you mean shakespeare?"),
        ("recipes/shakespeare.yaml", "did you mean shakespeare?"),
        ("embd", "did you mean embed"),
        ("transcribe-ct", "transcribe-ctc"),
        ("qqq", "known: adapt, answer-scratch, chat, chat-scratch, classify"),
        ("folder", "folder is a folder"),
        ("run", "name the recipe in it: run/recipe.yaml"),
    ],
)
def test_one_that_is_not_there_names_the_nearest(name: str, said: str, here: Path) -> None:
    (here / "folder").mkdir()
    (here / "run").mkdir()
    (here / "run" / "recipe.yaml").write_text("task: generate\n")
    with pytest.raises(LangueError, match=re.escape(said)):
        find_recipe(name)


@pytest.mark.parametrize(
    "text",
    [
        "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n",
        "Once upon a time: there was\n",
        "one line and no more",
        '{"text": "a row"}\n{"text": "another"}\n',
        "- a list\n- of things\n",
        "\u2028\u0085 żółć",
    ],
)
def test_a_text_in_its_place_is_told_the_command_that_trains_on_it(text: str, here: Path) -> None:
    (here / "my text.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LangueError, match="looks like a text") as caught:
        read_recipe("my text.txt")
    words = shlex.split(str(caught.value).split("to train on it: ")[1])
    assert words == ["langue", "train", "my text.txt"]


@pytest.mark.parametrize("content", ["tsk: generate\n", "[1, 2]\n", "", "task: [\n"])
def test_a_recipe_that_is_wrong_stays_one(content: str, here: Path) -> None:
    (here / "recipe.yaml").write_text(content)
    with pytest.raises(LangueError, match=r"recipe\.yaml") as caught:
        read_recipe("recipe.yaml")
    assert "looks like" not in str(caught.value)
