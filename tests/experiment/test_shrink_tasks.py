"""A run of every task gets smaller, and its losses are those that the task measures itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langue
from labelled_rows import sentences as judged
from langue.data.labelled import read_split
from langue.data.parallel import Pair
from langue.evaluation.rows import split_rows
from langue.experiment import RunFolder, train
from langue.experiment.shrink import cost_between, shrink
from langue.tasks.recipes import read_recipe
from pair_rows import pairs
from spoken_rows import write_spoken
from tiny import text

TRAINING = {"steps": 1, "batch_size": 4, "warmup_steps": 0, "device": "cpu"}
MODEL = {"layers": 2, "width": 16, "heads": 2, "context": 32, "feedforward_width": 24}


def table(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def texts(folder: Path, **model: Any) -> dict[str, Any]:
    (folder / "text.txt").write_text(text(1600), encoding="utf-8")
    tokenizer = {"kind": "byte-bpe", "vocab_size": 300}
    return {"tokenizer": tokenizer, "data": {"train": str(folder / "text.txt"), "dev": 0.3}, "model": model}


def rows(folder: Path, some: list[dict[str, Any]], **model: Any) -> dict[str, Any]:
    return {"data": {"train": table(folder, some), "dev": 0.4}, "model": {"form": "encoder", **model}}


def tagged(folder: Path) -> dict[str, Any]:
    some = [row["text"].split() for row in judged(60)]
    return rows(folder, [{"tokens": words, "tags": [word[0] for word in words]} for words in some])


def asked(folder: Path) -> dict[str, Any]:
    some = [row["text"] for row in judged(60)]
    return rows(folder, [{"question": "who", "context": text, "answer": text.split()[-1]} for text in some])


def paired(folder: Path, names: tuple[str, str]) -> dict[str, Any]:
    some = [dict(zip(names, pair, strict=True)) for pair in pairs(80)]
    return {"data": {"train": table(folder, some), "dev": 0.4}, "model": {"form": "seq2seq"}}


def spoken(folder: Path, **model: Any) -> dict[str, Any]:
    import yaml

    content = yaml.safe_load(write_spoken(folder / "spoken").read_text())
    data = {"train": str(folder / "spoken" / "train.jsonl"), "dev": 0.4}
    return {"data": data, "tokenizer": content["tokenizer"], "model": {"audio": {"bins": 24}, "context": 256, **model}}


RECIPES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "generate": lambda folder: texts(folder, mixer="lstm", position="none"),
    "fill": lambda folder: texts(folder, form="encoder"),
    "denoise": lambda folder: texts(folder, form="seq2seq"),
    "classify": lambda folder: rows(folder, judged(80)),
    "tag": tagged,
    "answer": asked,
    "translate": lambda folder: paired(folder, ("source", "target")),
    "summarize": lambda folder: paired(folder, ("text", "summary")),
    "embed": lambda folder: rows(folder, [{"anchor": a, "positive": b} for a, b in pairs(80)]),
    "transcribe": lambda folder: spoken(folder, form="seq2seq"),
}
KEEP = {"generate": "layers:1,feedforward:0.5"}


@pytest.fixture(scope="module", params=RECIPES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    recipe = RECIPES[request.param](folder)
    fields = {"task": request.param, "tokenizer": {"kind": "byte"}, **recipe, "model": {**MODEL, **recipe["model"]}}
    if request.param != "embed":
        fields["samples"] = {"max_tokens": 0}
    train(read_recipe({**fields, "training": TRAINING}), folder / "run", report=False)
    return folder / "run"


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
