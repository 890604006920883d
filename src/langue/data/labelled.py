"""Labelled rows: what the tasks that read texts learn from, under Langue's own column names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from langue.data.benchmarks import find_benchmark, from_rows, hub_name, read_benchmark
from langue.data.conll import CONLL, read_conll
from langue.data.order import set_aside
from langue.data.records import Dropped, is_blank
from langue.data.settings import DataSettings, TableDataSettings
from langue.data.sources import DataSource, Origin, find_sources
from langue.data.spoken_folders import spoken_rows
from langue.data.tables import rows
from langue.data.tally import EMPTY, Tally
from langue.data.values import finite, unlisted
from langue.errors import LangueError, MissingColumns, listed

SQUAD = ".json"
"""Files of this ending are read as SQuAD's."""

HUB = "hf:"
"""Stands for the folder of a benchmark whose copy at Hugging Face is to be fetched; with a name or a local folder
behind it, for that copy of it."""


class Labelled(NamedTuple):
    """One row, and where it stands, as errors call it."""

    place: str
    values: Mapping[str, Any]
    folder: Path | None = None
    """From where the row's own paths lead on, where it stands in a file."""


class BrokenRow(NamedTuple):
    """A row that cannot be read, and why."""

    place: str
    reason: str


Reader = Callable[[Any, TableDataSettings, str], Iterable[Labelled]]
"""Gives the rows of a source that the settings name, of the split that it is named for."""


def read_split(data: TableDataSettings, split: str, read: Reader | None = None) -> list[Labelled]:
    """The rows of "train", "dev" or "test"; none where the settings name none.

    Where dev is a share, those rows are set aside from all over the training table, the same for every seed.

    Args:
        data: where they are.
        split: which of them.
        read: None reads tables and benchmarks.

    Raises:
        LangueError: a source cannot be read, or a row of it.
    """
    read = read or _read
    if not isinstance(data.dev, float) or split == "test":
        source = getattr(data, split)
        return [] if source is None else list(read(source, data, split))
    rows = list(read(data.train, data, "train"))
    aside = set_aside(len(rows), data.dev)
    return [row for number, row in enumerate(rows) if (number in aside) == (split == "dev")]


def _read(source: Any, data: TableDataSettings, split: str) -> Iterable[Labelled]:
    if data.benchmark is not None and data.folder is not None and source == data.folder:
        return read_task(data.benchmark, data.folder, split)
    return read_labelled(source, data)


def read_task(benchmark: str, folder: str, split: str) -> list[Labelled]:
    """The rows of a split of a benchmark, from a folder of its own files, or for "hf:…" from a copy with Hugging
    Face's columns.

    Raises:
        LangueError: there is no such benchmark, split or file, or a file is not in the benchmark's layout.
    """
    if folder.startswith(HUB):
        name = hub_name(benchmark, split, folder.removeprefix(HUB))
        origin = find_sources(name)[0]
        examples = from_rows(benchmark, (row.values for row in rows(origin, 0) if not isinstance(row, Dropped)))
    else:
        examples = read_benchmark(benchmark, folder, split)
    return [Labelled(f"{benchmark} {split}, row {number}", row) for number, row in enumerate(examples, 1)]


def read_labelled(
    source: DataSource | Mapping[str, float], data: DataSettings, tally: Tally | None = None
) -> Iterator[Labelled]:
    """The rows of any table, in order; unlike a corpus, a table with a broken row is refused.

    Args:
        source: where they are.
        data: how they are read.
        tally: gets what is left out, which is empty.

    Raises:
        LangueError: names the file and line that cannot be read.
    """
    for row in read_rows(source, data, tally):
        if isinstance(row, BrokenRow):
            raise LangueError(f"{row.place}: {row.reason}")
        yield row


def read_rows(
    source: DataSource | Mapping[str, float], data: DataSettings, tally: Tally | None = None
) -> Iterator[Labelled | BrokenRow]:
    """The rows of any table, in order, those that cannot be read among them; the tally gets the empty ones.

    Raises:
        LangueError: the table as a whole cannot be read.
    """
    name = str(source) if isinstance(source, str | Path) else ""
    if name.endswith((SQUAD, *CONLL)):
        path = Path(name).expanduser()
        if not path.is_file():
            raise LangueError(f"there is no file {path}")
        yield from _squad(path) if name.endswith(SQUAD) else _conll(path, data.max_line_bytes)
        return
    if spoken := spoken_rows(name) if name else []:
        yield from (Labelled(row.place, row.values) for row in spoken)
        return
    for origin in find_sources(source):
        if origin.kind in ("text", "embedded"):
            raise LangueError(f"{origin.name} is no table; a task with labels reads csv, tsv, jsonl, parquet or hf:")
        yield from _table(origin, data, tally)


def _table(origin: Origin, data: DataSettings, tally: Tally | None) -> Iterator[Labelled | BrokenRow]:
    unit = "line" if origin.kind in ("jsonl", "csv", "tsv") else "row"
    for row in rows(origin, data.max_line_bytes, with_names=True):
        place = f"{origin.name}, {unit} {row.number}"
        if not isinstance(row, Dropped):
            folder = None if origin.path is None else origin.path.parent
            yield Labelled(place, renamed(row.values, data.columns, place), folder)
        elif row.reason != EMPTY:
            more = f"; it is read where max_line_bytes is {row.size}" if row.reason == "line too long" else ""
            yield BrokenRow(place, row.reason + more)
        elif tally is not None:
            tally.drop(row)


def renamed(values: Mapping[str, Any], columns: Mapping[str, str], place: str) -> Mapping[str, Any]:
    """A row with more names for its columns.

    Args:
        values: of the row.
        columns: by name, what the table calls it.
        place: of the row.

    Raises:
        LangueError: the row lacks one of the columns.
    """
    if not columns:
        return values
    if any(theirs not in values for theirs in columns.values()):
        raise missing_columns(place, columns, values)
    return {**values, **{ours: values[theirs] for ours, theirs in columns.items()}}


def _squad(path: Path) -> Iterator[Labelled]:
    benchmark = find_benchmark("squad/2.0")
    return (Labelled(place, benchmark.row(fields)) for place, fields in benchmark.read(path))


def _conll(path: Path, limit: int) -> Iterator[Labelled]:
    return (Labelled(f"{path}, line {line}", row) for line, row in read_conll(path, limit))


def texts_of(values: Mapping[str, Any]) -> Iterator[str]:
    """All texts of a row, from which a tokenizer can learn."""
    for name in TEXT_COLUMNS:
        value = values.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, Iterable):
            yield from (part for part in value if isinstance(part, str))


TEXT_COLUMNS = (
    "text", "sentence", "sentence1", "sentence2", "choices", "question", "context", "tokens", "prompt", "chosen",
    "rejected",
)  # fmt: skip


def text_of(row: Labelled, name: str) -> str:
    """A column that has to hold text.

    Raises:
        LangueError: it is missing, no text, or empty; names the place.
    """
    require(row, name)
    text = row.values[name]
    if not isinstance(text, str):
        raise LangueError(f"{row.place}: {name} should be text, got {text!r:.60}")
    if is_blank(text):
        raise LangueError(f"{row.place}: {name} is empty")
    return text


def list_of(place: str, name: str, value: Any) -> Any:
    """A value of a row that may be a list, which a table without lists has to spell; see `unlisted`.

    Raises:
        LangueError: it is the spelling of a list that cannot be read; names the place.
    """
    try:
        return unlisted(value)
    except ValueError as error:
        raise LangueError(f"{place}: {name} is {error}: {value!r:.60}; write it as JSON does") from None


def number_of(place: str, name: str, value: Any) -> float:
    """A value of a row as a number.

    Raises:
        LangueError: it is none, or not finite; names the place.
    """
    number = finite(value)
    if number is None:
        raise LangueError(f"{place}: {name} should be a number, got {value!r:.60}")
    return number


def require(row: Labelled, *names: str) -> None:
    """Refuse a row that lacks one of the columns, and name all that it lacks.

    Raises:
        LangueError: so it is.
    """
    if any(name not in row.values for name in names):
        raise missing_columns(row.place, names, row.values)


def missing_columns(place: str, names: Sequence[str] | Mapping[str, str], values: Mapping[str, Any]) -> MissingColumns:
    """The error that names all columns which are not there, of those that are needed, and what might stand for them.

    Args:
        place: of the row.
        names: the columns; or by column what somebody has said that the table calls it, and knows how to say anew.
        values: of the row.
    """
    wanted = names if isinstance(names, Mapping) else {name: name for name in names}
    missing = {ours: theirs for ours, theirs in wanted.items() if theirs not in values}
    others = [str(column) for column in values if column not in wanted.values()]
    there = f"; it has {listed(values)}" if values else ""
    guesses = {} if isinstance(names, Mapping) or len(others) < len(missing) else _guessed(missing, others)
    lacking = " and ".join(missing.values())
    fact = f"{place} has no column{'s' * (len(missing) > 1)} {lacking}{there}"
    return MissingColumns(fact, {name: guesses[name] for name in missing if name in guesses})


def _guessed(names: Iterable[str], others: list[str]) -> dict[str, str]:
    """A column for each name: the one most like it, else the first that nothing stands for yet."""
    guesses: dict[str, str] = {}
    for cutoff in (0.6, 0.0):
        for name in names:
            rest = [column for column in others if column not in guesses.values()]
            nearest = difflib.get_close_matches(name, rest, n=1, cutoff=cutoff) if cutoff else rest[:1]
            if name not in guesses and nearest:
                guesses[name] = nearest[0]
    return guesses
