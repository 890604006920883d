"""A teacher of every task, each trained within a second, for tests of those who learn from one."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import labelled_rows
import pair_rows
import spoken_rows
import tiny
from langue.experiment import Run, train
from langue.tasks.recipes import read_recipe
from langue.training import Trainer
from langue.training.types import StepMetrics

FILL = tiny.RECIPE.replace("generate", "fill").replace("kind: char", "kind: byte-bpe, vocab_size: 300").replace(
    "context: 16", "form: encoder, context: 16"
)  # fmt: skip
DICTATED = spoken_rows.RECIPE.replace("form: encoder, mixer: gru, position: none", "form: seq2seq, heads: 2").replace(
    "tie_embeddings: false, ", ""
)
RECIPES = {
    "generate": tiny.RECIPE,
    "fill": FILL,
    "classify": labelled_rows.RECIPE,
    "translate": pair_rows.RECIPE,
    "summarize": pair_rows.RECIPE.replace("translate", "summarize"),
    "transcribe": spoken_rows.RECIPE,
    "dictate": DICTATED,
}
SHORT = {
    "training.steps": "6",
    "training.evaluate_every": "3",
    "training.checkpoint_every": "4",
    "training.log_every": "1",
}


def write_teachers(place: Path) -> Path:
    """Data of all tasks, a teacher for each, and recipes; the folder."""
    spoken_rows.write_spoken(place / "spoken")
    tiny.write_tiny(place / "text")
    labelled_rows.write_recipe(place / "labelled")
    rows = pair_rows.pairs()
    pair_rows.write_pairs(place / "pairs", rows=rows)
    table = "".join(json.dumps({"text": source, "summary": target}) + "\n" for source, target in rows)
    (place / "pairs" / "summaries.jsonl").write_text(table)
    for task, recipe in RECIPES.items():
        (of_task(place, task).parent / f"{task}.yaml").write_text(recipe.replace("train.tsv", data_of(task)))
        # One that spells writes nothing at all in the beginning.
        steps = {"training.steps": "90"} if task == "transcribe" else {}
        train(read_recipe(of_task(place, task), {**SHORT, **steps}), place / f"teacher-{task}", report=False)
    return place


def data_of(task: str) -> str:
    return "summaries.jsonl" if task == "summarize" else "train.tsv"


def of_task(folder: Path, task: str) -> Path:
    """The recipe of a task, beside its data."""
    rooms = {"generate": "text", "fill": "text", "classify": "labelled", "transcribe": "spoken", "dictate": "spoken"}
    return folder / rooms.get(task, "pairs") / f"{task}.yaml"


def taught(
    folder: Path, out: Path, task: str, *, teacher: str | None = None, resume: bool = False, **changes: object
) -> Run:
    """A run of a task that learns from a teacher; changes are written `training__steps=3`."""
    fields = {name.replace("__", "."): str(value) for name, value in changes.items()}
    fields = {**SHORT, "distill.teacher": str(folder / f"teacher-{teacher or task}"), **fields}
    return train(read_recipe(of_task(folder, task), fields), out, report=False, resume=resume)


def taught_in_two_parts(folder: Path, out: Path, task: str, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """The same run, stopped by a signal after its fourth step and gone on with."""
    step = Trainer.step

    def interrupted(self: Trainer) -> StepMetrics:
        if self.progress.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    assert taught(folder, out, task, **changes).interrupted
    monkeypatch.setattr(Trainer, "step", step)
    taught(folder, out, task, resume=True, **changes)
