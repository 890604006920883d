"""A benchmark's task as plain data: its kind, its labels, where its files are and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from langue.errors import LangueError, listed

Kind = Literal["single", "pair", "regression", "choice", "answer"]
Fields = Mapping[str, Any]
"""One example with the names that its file or its Hugging Face dataset has for things."""
Record = tuple[str, Fields]
"""The place of an example, as errors call it, and the example."""
RowMaker = Callable[[Fields], dict[str, Any]]
"""From an example to a row under Langue's own column names."""


@dataclass(frozen=True)
class Benchmark:
    """One row of the table of benchmarks.

    Attributes:
        name: such as "glue/CoLA".
        kind: "single" (`text`, `label`), "pair" (`sentence1`, `sentence2`, `label`), "regression" (the same, a number
            as label), "choice" (`sentence1`, `choices`, the right one's index as label) or "answer" (`question`,
            `context`, `answers`).
        labels: in the order of class numbers; none for regression, choice and answer.
        metrics: names of the scores whose plain mean is the task's score.
        splits: for each split the names its file may have.
        read: a file to its examples.
        row: an example to a row under Langue's own names; `label` still as the file spells it.
        hub: repository and configuration among Hugging Face's datasets.
        hub_splits: what splits are called there, where they have other names than there are in `HUB_SPLITS`.
        folders: names that the task's own folder may have.
        submissions: for each split the name of the file that the leaderboard takes.
        spelling: how the leaderboard wants a label: its name, its name in lower case, or its class number.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    read: Callable[[Path], Iterator[Record]]
    row: RowMaker
    hub: str
    folders: tuple[str, ...]
    submissions: Mapping[str, str]
    hub_splits: Mapping[str, str] = field(default_factory=dict)
    spelling: Literal["name", "lower", "number"] = "name"

    @property
    def suite(self) -> str:
        """The benchmark it belongs to: "glue", "superglue" or "squad"."""
        return self.name.partition("/")[0]


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put a place before the message of each error inside."""
    try:
        yield
    except LangueError as error:
        raise LangueError(f"{place}: {error}") from None


def take(fields: Fields, name: str, kind: type | tuple[type, ...] = str) -> Any:
    """A field that has to be there, and of its kind.

    Raises:
        LangueError: it is not; the caller says where.
    """
    if name not in fields:
        raise LangueError(f"there is no {name}; there are {listed(fields)}")
    value = fields[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise LangueError(
            f"{name} should be {' or '.join(_WORDS.get(k, k.__name__) for k in kinds)}, got {value!r:.60}"
        )
    return value


def take_objects(fields: Fields, name: str) -> list[Fields]:
    """A field that has to be a list of objects.

    Raises:
        LangueError: it is not; the caller says where.
    """
    objects = take(fields, name, list)
    if not all(isinstance(value, dict) for value in objects):
        raise LangueError(f"{name} should be a list of objects")
    return objects


_WORDS = {str: "text", int: "a whole number", dict: "an object", list: "a list"}


def columns(**names: tuple[str, ...]) -> RowMaker:
    """A `row` that only renames: for each of Langue's columns its names; `label` and `index` may be missing."""
    names = {**names, "label": names.get("label", ("label",)), "index": names.get("index", ("index", "idx"))}

    def row(fields: Fields) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for ours, theirs in names.items():
            name = next((name for name in theirs if name in fields), None)
            if ours not in ("label", "index"):
                values[ours] = take(fields, name or theirs[0])
            elif name is not None:
                values[ours] = fields[name]
        return values

    return row
