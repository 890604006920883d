"""A run of every task gets smaller, and its losses are those that the task measures itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langue
from every_task import MODEL, RECIPES, TRAINING, rows, train_one
from langue.data.labelled import read_split
from langue.data.parallel import Pair
from langue.evaluation.rows import split_rows
from langue.experiment import RunFolder, train
from langue.experiment.cost import cost_between
from langue.experiment.shrink import shrink
from langue.tasks.recipes import read_recipe
from pair_rows import pairs

KEEP = {"generate": "layers:1,feedforward:0.5"}


@pytest.fixture(scope="module", params=RECIPES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_one(request.param, tmp_path_factory.mktemp(request.param))


def test_any_run_gets_smaller(run: Path) -> None:
    task = langue.load(run, "cpu")
    keep = KEEP.get(task.name, "layers:1,heads:1,feedforward:0.5")
    cost = shrink(run, run.with_name("small"), keep=keep, seconds=0.01)
    small = langue.load(run.with_name("small"), "cpu")
    assert small.name == task.name
    assert [side.layer_count for side in small.model.config.sides] == [1] * len(task.model.config.sides)
    assert cost.after.parameters < cost.before.parameters
    assert (cost.before.writing is None) == (task.model.config.form == "encoder")
    again = cost_between(run, run.with_name("small"), seconds=0.01)
    assert again.loss == cost.loss


def measured(task: Any, rows: list[Any]) -> float:
    """The loss that a task says itself of rows."""
    if task.name in ("translate", "summarize"):
        return task.loss(rows)["loss"]
    return task.evaluate(rows)[0]["loss"]


def test_losses_are_those_that_the_task_measures(run: Path) -> None:
    task, recipe = langue.load(run, "cpu"), RunFolder(run).recipe()
    if task.name in ("generate", "fill", "denoise", "answer", "embed"):  # which measure other rows, or have no loss
        sums = split_rows(task, run, recipe, None, None).measure.sums(task.model)
        guess = {"answer": 20.0, "embed": 1.0}.get(task.name, task.model.config.vocab_size)
        assert sums[:, 0].sum() / sums[:, 1].sum() == pytest.approx(np.log(guess), rel=0.35, abs=1e-6)
        return
    data: Any = recipe.data
    some: list[Any] = [Pair(*pair, (), 0, "", 0, 0) for pair in pairs(20, seed=3)]
    if task.row_kind == "rows":
        some = read_split(data, "dev")[:20]
    losses = task.row_losses(some)
    sums = losses.sums(task.model)
    assert sums[:, 0].sum() / sums[:, 1].sum() == pytest.approx(measured(task, some), rel=1e-4)
    assert (losses.hits is not None) == (task.name in ("classify", "tag"))
    if losses.hits is not None:
        right = losses.right(task.model)
        assert right[:, 0].sum() / right[:, 1].sum() == pytest.approx(task.evaluate(some)[0]["accuracy"])


def test_right_choices_are_counted(tmp_path: Path) -> None:
    some = [
        {"text": "the film", "choices": ["was fine", "was", "dull"][: 2 + n % 2], "label": n % 2} for n in range(30)
    ]
    recipe = {"task": "classify", "tokenizer": {"kind": "byte"}, **rows(tmp_path, some), "classify": {"kind": "choice"}}
    recipe["model"] = {**MODEL, **recipe["model"]}
    run = train(read_recipe({**recipe, "training": TRAINING}), tmp_path / "run", report=False).folder
    task = langue.load(run.path, "cpu")
    dev = read_split(run.recipe().data, "dev")  # type: ignore[arg-type]
    right = task.row_losses(dev).right(task.model)
    answers = task.predict([row.values for row in dev])
    expected = [answer == row.values["label"] for row, answer in zip(dev, answers, strict=True)]
    assert right.tolist() == [[float(hit), 1.0] for hit in expected]
    assert 0 < sum(expected) < len(expected)
