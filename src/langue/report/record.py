"""What a run folder tells about its run, read from its files alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.files import check_folder
from langue.files.rows import read_lines
from langue.settings import read_yaml

Row = Mapping[str, Any]
"""One line of metrics.jsonl."""


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
    """

    name: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]
    parameters: int | None

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

    def last(self) -> Row:
        """The row of the highest step."""
        return max((*self.train, *self.dev), key=lambda row: row["step"], default={"step": 0})

    def samples(self) -> list[Row]:
        """The rows that hold text which the model wrote."""
        return [row for row in sorted((*self.train, *self.dev), key=lambda row: row["step"]) if row.get("sample")]


def read_record(run: Path | str) -> Record:
    """Read a run folder.

    Raises:
        LangueError: it is no run folder, or one of its files is damaged.
    """
    run = Path(run)
    if not (run / "recipe.yaml").is_file():
        raise LangueError(f"{run} is no run folder: it holds no recipe.yaml")
    check_folder(run)
    rows = [line.values for line in read_lines(run / "metrics.jsonl")]
    return Record(
        name=run.resolve().name,
        recipe=read_yaml(run / "recipe.yaml"),
        environment=_read_json(run / "environment.json"),
        train=_of_split(rows, "train"),
        dev=_of_split(rows, "dev"),
        test=_of_split(rows, "test"),
        parameters=count_parameters(run / "model" / "model.safetensors"),
    )


def number(row: Row, key: str) -> float | None:
    """A row's finite number, or None."""
    value = row.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def typical_speed(record: Record) -> float | None:
    """The median tokens per second, which a slow first step or a busy moment does not move."""
    speeds = sorted(value for row in record.train if (value := number(row, "tokens_per_second")) is not None)
    return speeds[len(speeds) // 2] if speeds else None


def count_parameters(path: Path) -> int | None:
    """How many numbers a safetensors file holds, from its header: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except FileNotFoundError:
        return None
    except ValueError:
        raise LangueError(f"{path} is damaged: its header cannot be read") from None
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise LangueError(f"{path} is damaged: it is not valid JSON") from None


def _of_split(rows: list[Row], split: str) -> tuple[Row, ...]:
    """A resumed run repeats the steps after its checkpoint; the later line of a step counts."""
    by_step = {row["step"]: row for row in rows if row.get("split") == split}
    return tuple(by_step[step] for step in sorted(by_step))
