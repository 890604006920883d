"""A guess: data alone lead to a recipe that trains, and whoever says more is heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelled_rows import sentences, write_rows
from langue.data.look import look_at
from langue.errors import LangueError
from langue.experiment.guess import BASES, BUDGETS, Guess, guess, guess_in_text, splits_of
from langue.recipes import names
from langue.tasks.recipes import read_recipe
from langue.tasks.table import TASKS
from pair_rows import pairs
from tiny import text


def guessed(source: Path, **options: Any) -> Guess:
    return guess(look_at([str(source)]), {"train": str(source)}, **options)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(
        tmp_path / "rows.jsonl", [{"review": row["text"], "stars": row["label"]} for row in sentences(60)]
    )


def test_each_task_has_a_base_and_a_budget() -> None:
    assert BASES.keys() == BUDGETS.keys() <= set(TASKS)
    assert {name for base in BASES.values() for name in base if name} <= set(names())


def test_a_table_becomes_a_recipe_with_its_columns(rows: Path) -> None:
    recipe = guessed(rows).recipe
    assert recipe.task == "classify"
    assert recipe.data.columns == {"text": "review", "label": "stars"}
    assert recipe.data.train == str(rows)
    assert (recipe.training.seconds, recipe.training.steps) == (BUDGETS["classify"].least, None)


def test_a_text_has_a_vocabulary_of_its_size_and_is_gone_on_with_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(text(4000), encoding="utf-8")
    recipe = guessed(tmp_path / "mine.txt").recipe
    assert (recipe.task, recipe.tokenizer.vocab_size, recipe.model.preset) == ("generate", 512, "gpt-nano")
    assert recipe.samples.prompt == " ".join(text(4000).split()[:2])
    (tmp_path / "more.txt").write_text(text(4000) * 20, encoding="utf-8")
    assert guessed(tmp_path / "more.txt").recipe.tokenizer.vocab_size == 1024


def test_a_model_can_be_tried_by_a_short_text_of_its_data(rows: Path) -> None:
    first = json.loads(rows.read_text().splitlines()[0])["review"]
    assert guessed(rows).recipe.samples.prompt == first
    assert guessed(rows, start_from=Path("somewhere")).content["samples"]["prompt"] == first


def test_what_somebody_has_set_comes_first(rows: Path) -> None:
    recipe = guessed(rows, changes={"training.steps": "3", "model.preset": "gru-nano", "model.form": "encoder"}).recipe
    assert (recipe.training.steps, recipe.model.mixer) == (3, "gru")


def test_trained_weights_bring_their_architecture(rows: Path) -> None:
    content = guessed(rows, start_from=Path("somewhere")).content
    assert "tokenizer" not in content
    assert content["model"] == {"path": str(Path("somewhere").absolute())}
    assert content["training"]["optimizer"] == "adamw"


def test_preferences_need_a_model_that_writes(tmp_path: Path) -> None:
    some = [{"prompt": a, "chosen": b, "rejected": a} for a, b in pairs(20)]
    with pytest.raises(LangueError, match="--start-from RUN"):
        guessed(write_rows(tmp_path / "pairs.jsonl", some))


def test_what_is_written_is_read_as_the_same_and_names_the_schema(rows: Path, tmp_path: Path) -> None:
    made = guessed(rows, changes={"training.steps": "3"})
    content = guess_in_text(made, "langue train rows.jsonl")
    (tmp_path / "mine.yaml").write_text(content, encoding="utf-8")
    assert content.startswith("# yaml-language-server: $schema=file://")
    assert yaml.safe_load(content) == json.loads(json.dumps(made.content))
    assert read_recipe(tmp_path / "mine.yaml") == made.recipe


def test_three_lines_say_what_is_done(rows: Path) -> None:
    data, model = guessed(rows).lines()
    recipe = guessed(rows).line_of(Path("runs/rows.yaml"), Path("runs/rows"))
    assert "60 rows; text from column review, label from column stars" in data
    assert "model encoder-nano from nothing, tokenizer wordpiece; 40 s or 12 times through the data at most" in model
    assert recipe.endswith("langue train runs/rows.yaml --out runs/rows-2")


def test_a_folder_of_parts_is_taken_apart(tmp_path: Path) -> None:
    for name in ("train.csv", "valid.csv", "test.csv", "notes.txt"):
        (tmp_path / name).write_text("text,label\n")
    parts = splits_of([str(tmp_path)])
    assert {part: Path(file).name for part, file in parts.items()} == {
        "train": "train.csv", "dev": "valid.csv", "test": "test.csv"
    }  # fmt: skip
    assert splits_of([str(tmp_path / "train.csv")]) == {"train": str(tmp_path / "train.csv")}
    assert splits_of(["a.txt", "b.txt"]) == {"train": ["a.txt", "b.txt"]}


def test_dev_rows_are_few_enough_to_be_measured_often(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(text(4000) * 60, encoding="utf-8")
    share = guessed(tmp_path / "long.txt").recipe.data.dev
    assert isinstance(share, float)
    assert share * len(text(4000) * 60) == pytest.approx(60_000, rel=0.05)
