"""The record of a run, read from its folder's files alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from langue.content import GREATEST, read_json, read_yaml
from langue.errors import LangueError, check_readable, reason
from langue.files import check_folder
from langue.files.metric_rows import read_lines
from langue.recipe import Recipe
from langue.tasks.recipes import recipe_class
from langue.tasks.table import TASKS

Row = Mapping[str, Any]
"""One line of metrics.jsonl."""
TEXTS = ("split", "sample")
"""The values of a row that are texts; all others are numbers."""


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        name: the folder's name.
        recipe: the resolved recipe, as written.
        environment: what it ran on.
        train: rows of the training split by rising step, each step once.
        dev: rows of the dev split, the same way.
        test: the row of the test split, if the run has come to it.
        parameters: numbers in the saved weights, or None before there are any.
        done: the row that tells how far it has come: step, tokens and seconds.
    """

    name: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]
    parameters: int | None
    done: Row

    @property
    def step(self) -> int:
        """Updates of the weights."""
        return self.done["step"]

    @property
    def tokens(self) -> int:
        """Targets that were predicted on the way."""
        return int(number(self.done, "tokens") or 0)

    @property
    def seconds(self) -> float:
        """Wall time of the training, its evaluations and checkpoints included."""
        return number(self.done, "seconds") or 0.0

    @property
    def task(self) -> str:
        """The task that the model has learnt."""
        return str(self.recipe.get("task", "generate"))

    @property
    def kind(self) -> type[Recipe]:
        """The class of its recipe, which knows its unit, measures and scores."""
        return recipe_class(self.task) if self.task in TASKS else Recipe

    @property
    def model(self) -> Mapping[str, Any]:
        """The recipe's section of the model."""
        model = self.recipe.get("model")
        return model if isinstance(model, Mapping) else {}

    def best(self) -> Row | None:
        """The dev row whose weights were kept, or the last training row of a run without dev data.

        The training marks each row that is better than all before it; where none is marked, the lowest loss counts.
        """
        marked = [row for row in self.dev if row.get("best")]
        if marked:
            return marked[-1]
        finite = [row for row in self.dev if number(row, "loss") is not None]
        if finite:
            return min(finite, key=lambda row: row["loss"])
        return self.train[-1] if self.train else None

    def samples(self) -> list[Row]:
        """The rows that hold text which the model wrote."""
        return [row for row in sorted((*self.train, *self.dev), key=lambda row: row["step"]) if row.get("sample")]


LEARNT = "learnt.json"
"""File of a run with its first rows as the model learns them."""


def read_record(run: Path | str) -> Record:
    """Read a run folder.

    Raises:
        LangueError: it is no run folder, or one of its files is damaged.
    """
    run = Path(run)
    if not (run / "recipe.yaml").is_file():
        raise LangueError(f"{run} is no run folder: it holds no recipe.yaml")
    check_folder(run)
    rows = [_checked(line.values, run / "metrics.jsonl") for line in read_lines(run / "metrics.jsonl")]
    train, dev = _of_split(rows, "train"), _of_split(rows, "dev")
    return Record(
        name=run.resolve().name,
        recipe=read_yaml(run / "recipe.yaml"),
        environment=_read_environment(run / "environment.json"),
        train=train,
        dev=dev,
        test=_of_split(rows, "test"),
        parameters=count_parameters(run / "model" / "model.safetensors"),
        done=_read_progress(run / "checkpoints", max((*train, *dev), key=_place, default={"step": 0})),
    )


def _place(row: Row) -> tuple[int, float]:
    """The key that rows are ordered by: of those of one step the last comes last."""
    return row["step"], number(row, "seconds") or 0.0


def _read_progress(checkpoints: Path, last: Row) -> Row:
    """The newest checkpoint's state of the training, whose last steps may have no row; else the last row.

    A training that is over has a checkpoint of its very end, unless someone has removed it.
    """
    for path in sorted(checkpoints.glob("step-*/state.json"), reverse=True)[:1]:
        state = read_json(path)
        if isinstance(state.get("step"), int) and state["step"] >= last["step"]:
            return state
    return last


def number(row: Row, key: str) -> float | None:
    """A row's finite number, or None."""
    value = row.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def typical_speed(record: Record) -> float | None:
    """The median tokens per second, which a slow first step or a busy moment does not move."""
    speeds = sorted(value for row in record.train if (value := number(row, "tokens_per_second")) is not None)
    return speeds[len(speeds) // 2] if speeds else None


def count_parameters(path: Path) -> int | None:
    """The count of numbers in a safetensors file, by its header."""
    if not path.is_file():
        return None
    check_readable(path)
    try:
        with safe_open(path, "numpy") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise LangueError(f"{path} is damaged: its header cannot be read: {reason(error)}") from None


def _read_environment(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except FileNotFoundError:
        return {}


def _checked(row: Row, path: Path) -> Row:
    """A row, in which everything is a number or null but for what the model wrote."""
    for name, value in row.items():
        right = isinstance(value, str if name in TEXTS else int | float) or value is None
        if not right or (isinstance(value, int) and abs(value) >= GREATEST):
            raise LangueError(f"{path} is damaged: {name} of step {row['step']!r:.20} cannot be {value!r:.60}")
    return row


def _of_split(rows: list[Row], split: str) -> tuple[Row, ...]:
    """A resumed run repeats the steps after its checkpoint; the later line of a step counts."""
    by_step = {row["step"]: row for row in rows if row.get("split") == split}
    return tuple(by_step[step] for step in sorted(by_step))
