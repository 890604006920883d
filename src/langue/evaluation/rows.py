"""Rows of data to run a model on: of a file, or those of its run that it has not learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from langue.data import ReadSettings, Tally, TokenStore
from langue.data.labelled import Labelled, read_labelled, read_split
from langue.data.order import Permutation
from langue.data.parallel import read_pairs, valid_pairs
from langue.data.prepare import prepare
from langue.data.retrieval_pairs import kind_of, read_retrieval_rows, texts_in
from langue.errors import LangueError
from langue.evaluation.cost import size_of
from langue.evaluation.pairs import read_pairs_of
from langue.evaluation.settings import check_options, recipe_data
from langue.files import scratch_folder
from langue.recipe import Recipe
from langue.tasks.losses import RowLosses
from langue.tasks.stores import Store, open_held_out
from langue.text import Tokenizer

ROW = 256
"""Tokens of a row of running text, or the model's context where that is shorter."""

CALIBRATED, MEASURED = 1 << 13, 1 << 14
"""Positions that parts are chosen by unless more are wanted, and that losses are measured on."""

TOGETHER = 16
"""Rows that are encoded at once."""


class Rows(NamedTuple):
    """Rows that a task is measured on, and the name of where they are from."""

    name: str
    rows: Sequence[Any]


class Split(NamedTuple):
    """Rows to choose by, and others to measure on."""

    calibration: RowLosses
    calibrated_on: str
    measure: RowLosses
    measured_on: str


def split_rows(
    task: Any,
    run: Path,
    recipe: Recipe | None,
    calibrate: str | None,
    measure: str | None,
    reading: Mapping[str, Any] = MappingProxyType({}),
    calibrated: int = CALIBRATED,
) -> Split:
    """Rows to choose by and others to measure on, drawn from all over each source.

    Args:
        task: whose they are.
        run: its folder.
        recipe: by which it was trained, if it was by one.
        calibrate: a file for the first; None takes the run's dev data, or else what is measured on.
        measure: a file for the second; None takes the run's test or dev data, or else what is calibrated with.
        reading: settings of how files are read, where they differ from those of the training.
        calibrated: positions of the first, at most.

    Raises:
        LangueError: there are no such data, or not enough of them.
    """
    names = [name for name in dict.fromkeys((calibrate, measure)) if name is not None]
    files = {name: _of_file(task, name, run, reading) for name in names}
    held: dict[str, Rows] = {}
    if recipe is not None and len(files) < 2 and not (calibrate and measure):
        held = {name: rows for name in ("dev", "test") if (rows := _held_out(task, run, recipe, name)).rows}
    first = files[calibrate] if calibrate else held.get("dev") or held.get("test") or files.get(measure or "")
    second = files[measure] if measure else held.get("test") or held.get("dev") or first
    if first is None or second is None:
        raise LangueError(f"{run} comes without data that it has not learnt from; name a file: --calibrate FILE")
    if second is first and len(first.rows) < 2:
        raise LangueError(f"{first.name}: one row is too little to choose by and to measure on; give more data")
    rows = _shuffled(first.rows)
    chosen, count = _taken(task, first.name, rows[: (len(rows) + 1) // 2] if second is first else rows, calibrated)
    others = rows[count:] if second is first else _shuffled(second.rows)
    return Split(chosen, first.name, _taken(task, second.name, others, MEASURED)[0], second.name)


def made_up_rows(task: Any) -> RowLosses | None:
    """Rows of drawn tokens, by which nothing can be told but how fast a model reads and writes.

    None of a task that reads no running text.
    """
    if task.row_kind != "text":
        return None
    config, draws = task.model.config, np.random.default_rng(0)
    length = _row(task.tokenizer, config.context)
    return task.row_losses([draws.integers(task.tokenizer.vocab_size, size=length) for _ in range(TOGETHER)])


def _shuffled(rows: Sequence[Any]) -> list[Any]:
    """The same rows in an order that depends on their number alone."""
    return [rows[place] for place in Permutation(len(rows), 0, "rows")[np.arange(len(rows))].tolist()] if rows else []


def _taken(task: Any, name: str, rows: Sequence[Any], positions: int) -> tuple[RowLosses, int]:
    """As many of the first rows as fill so many positions, or all; and how many they are."""
    parts: list[RowLosses] = []
    count = 0
    while count < len(rows) and sum(size_of(batch) for part in parts for batch in part.batches) < positions:
        parts.append(task.row_losses(rows[count : count + TOGETHER]))
        count = min(count + TOGETHER, len(rows))
    batches = [batch for part in parts for batch in part.batches]
    if not batches:
        raise LangueError(f"{name} holds nothing to run the model on; give more data")
    return RowLosses(parts[0].objective, batches, parts[0].unit), count


def _held_out(task: Any, run: Path, recipe: Recipe, split: str) -> Rows:
    """The rows of a run's dev or test data."""
    readers: Mapping[str, Callable[..., Sequence[Any]]] = {
        "text": _stored,
        "rows": lambda task, run, recipe, split: read_split(recipe.data, split),
        "pairs": _pairs,
        "vectors": lambda task, run, recipe, split: _texts(read_retrieval_rows(recipe.data, split)),
    }
    return Rows(f"{split} data of {run.name}", readers[task.row_kind](task, run, recipe, split))


def _stored(task: Any, run: Path, recipe: Any, split: str) -> list[np.ndarray]:
    dev, test = open_held_out(recipe, task.tokenizer, run / "data")
    stores = dev if split == "dev" else test
    return [row for store in stores for row in _windows(task, store)]


def _pairs(task: Any, run: Path, recipe: Any, split: str) -> list[Any]:
    pairs = read_pairs(recipe.data, split, task.columns)
    return valid_pairs(pairs, f"the {split} pairs", recipe.data, recipe.data.option, Tally())


def _texts(rows: Sequence[Labelled]) -> list[str]:
    """All texts of rows for vectors, each once."""
    kind = kind_of(rows) if rows else "texts"
    return list(dict.fromkeys(text for row in rows for text in texts_in(row, kind)))


def _of_file(task: Any, source: str, run: Path, reading: Mapping[str, Any]) -> Rows:
    """The rows of a file, read as by the run's training where nothing else is said."""
    check_options(task, source, list(reading))
    readers: Mapping[str, Callable[..., Sequence[Any]]] = {
        "text": _text_of_file,
        "rows": lambda task, source, data: list(read_labelled(source, data)),
        "pairs": read_pairs_of,
        "vectors": lambda task, source, data: _texts(
            read_retrieval_rows(data.replace(train=source, dev=None), "train")
        ),
    }
    data = ReadSettings(**reading) if task.row_kind == "text" else recipe_data(run, task.name, reading)
    return Rows(Path(source).name, readers[task.row_kind](task, source, data))


def _text_of_file(task: Any, source: str, settings: ReadSettings) -> list[np.ndarray]:
    with scratch_folder() as scratch:
        rows = _windows(task, prepare(source, task.tokenizer, scratch / "store", settings))
    if not rows:
        raise LangueError(
            f"{source} is shorter than a row, which takes {_row(task.tokenizer, task.model.config.context)} tokens; "
            f"give a longer text"
        )
    return rows


def _row(tokenizer: Tokenizer, context: int) -> int:
    """Tokens that a row takes of a store: those that are read, and one more that is foretold."""
    return min(ROW, max(1, context - max(1, len(tokenizer.pair([])[0])))) + 1


def _windows(task: Any, store: Store | TokenStore) -> list[np.ndarray]:
    """The rows of a store, whose last token is the first of the next."""
    length = _row(task.tokenizer, task.model.config.context)
    return [store.read(start, length) for start in range(0, store.tokens - length + 1, length - 1)]
