"""`training.batch_size: auto`: as many rows as are of use and fit, written down as a number."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

import labelled_rows
from langue import cli, machine
from langue.errors import LangueError
from langue.experiment.auto_batch import LEAST, SHARE, STEPS, USEFUL, sized
from langue.experiment.fit import estimate
from langue.experiment.seeds import train_seeds
from langue.models import load_model
from langue.plan import make_plan
from langue.recipe import Recipe
from langue.tasks.recipes import read_recipe
from langue.tasks.training_task import training_task
from langue.tasks.workload import Shape
from langue.training import Trainer
from tiny import write_tiny

SCARCE = (2**40, 2**23)
"""Memory in which the tiny recipe would have 128 rows."""

AUTO = ["--training.batch_size", "auto", "--samples.max_tokens", "0", "--no-report"]


def recipe_of(folder: Path, **changes: str) -> Recipe:
    return read_recipe(write_tiny(folder), {"training.batch_size": "auto", "samples.max_tokens": "0", **changes})


def test_a_machine_with_room_is_kept_busy_and_no_more(tmp_path: Path) -> None:
    assert sized(recipe_of(tmp_path)).training.rows * 16 == USEFUL["cpu"]
    assert sized(recipe_of(tmp_path, **{"model.context": "24"})).training.rows == 128  # of 170, a power of two


def test_where_memory_is_scarce_twice_as_many_would_not_fit(tmp_path: Path, monkeypatch, capsys) -> None:
    recipe = recipe_of(tmp_path, **{"model.width": "256", "model.layers": "8"})
    load = training_task(recipe).load_of(recipe.replace(training={"batch_size": 1}))
    need = {
        rows: estimate(load.config, recipe.training, Shape(rows, load.longest), torch.device("cpu")).total
        for rows in (32, 64)
    }
    for free, rows in ((need[64] / SHARE + 1000, 64), (need[64] / SHARE - 1000, 32), (need[32] / SHARE + 1000, 32)):
        monkeypatch.setattr(machine, "memory", lambda free=free: (2**40, math.ceil(free)))
        assert sized(recipe).training.rows == rows
    assert "twice as many may not fit into the" in capsys.readouterr().err


def test_an_epoch_of_few_rows_keeps_its_steps(tmp_path: Path) -> None:
    labelled_rows.write_rows(tmp_path / "train.jsonl", labelled_rows.sentences(1000))
    (tmp_path / "recipe.yaml").write_text(labelled_rows.RECIPE)
    recipe = sized(read_recipe(tmp_path / "recipe.yaml", {"training.batch_size": "auto"}))
    assert recipe.training.rows == 16
    assert training_task(recipe).load_of(recipe).steps_per_epoch >= STEPS
    labelled_rows.write_rows(tmp_path / "train.jsonl", labelled_rows.sentences(100))
    assert sized(read_recipe(tmp_path / "recipe.yaml", {"training.batch_size": "auto"})).training.rows == LEAST


def test_a_run_is_that_of_the_number_and_goes_on_with_it(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = str(write_tiny(tmp_path))
    short, long = (["--training.schedule", "constant", "--training.steps", steps] for steps in ("2", "4"))
    assert cli.run(["train", recipe, "--out", "auto", *AUTO, *short]) == 0
    said = capsys.readouterr().err
    assert "training.batch_size: 256 rows of up to 16 tokens on cpu; more than 4,096 tokens at once" in said
    assert "one trial step took " in said
    assert yaml.safe_load(Path("auto/recipe.yaml").read_text())["training"]["batch_size"] == 256
    monkeypatch.setattr(machine, "memory", lambda: SCARCE)
    assert sized(recipe_of(tmp_path)).training.rows == 128
    assert cli.run(["train", recipe, "--out", "auto", *AUTO, *long, "--resume"]) == 0
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    number = ["--training.batch_size", "256", "--samples.max_tokens", "0", "--no-report"]
    assert cli.run(["train", recipe, "--out", "number", *number, *long]) == 0
    found, expected = (load_model(Path(run) / "model").state_dict() for run in ("auto", "number"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_trial_that_fails_halves_the_rows(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    tries = []

    def refuse_twice(trainer: Trainer) -> None:
        tries.append(trainer)
        if len(tries) < 3:
            raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(Trainer, "try_step", refuse_twice)
    assert cli.run(["train", str(write_tiny(tmp_path)), "--out", "run", *AUTO, "--training.steps", "1"]) == 0
    assert yaml.safe_load(Path("run/recipe.yaml").read_text())["training"]["batch_size"] == 64
    assert "that is too much; training.batch_size: 64" in capsys.readouterr().err


def test_a_plan_says_how_many_rows_it_would_be(tmp_path: Path) -> None:
    assert make_plan(recipe_of(tmp_path)).rows == 256


def test_all_seeds_take_what_the_first_takes(tmp_path: Path, monkeypatch) -> None:
    first = tmp_path / "runs" / "seed-0" / "recipe.yaml"
    monkeypatch.setattr(machine, "memory", lambda: SCARCE if first.exists() else (2**40, 2**34))
    result = train_seeds(recipe_of(tmp_path, **{"training.steps": "1"}), tmp_path / "runs", 2, report=False)
    assert [run.folder.recipe().training.rows for run in result.runs] == [256, 256]


def test_where_it_says_nothing_it_is_refused(tmp_path: Path, capsys) -> None:
    recipe = str(write_tiny(tmp_path))
    command = ["train", recipe, "--out", str(tmp_path / "run"), *AUTO]
    assert cli.run([*command, "--training.batch_tokens", "100"]) == 2
    assert "say the same in two ways; set batch_tokens to null" in capsys.readouterr().err
    assert cli.run([*command, "--training.batch_size", "most"]) == 2
    assert "batch_size" in capsys.readouterr().err
    with pytest.raises(LangueError, match="is for langue train and plan; name a number here"):
        _ = read_recipe(recipe, {"training.batch_size": "auto"}).training.rows
