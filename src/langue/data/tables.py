"""Tables: rows by column name from jsonl, csv, tsv, parquet, Hugging Face Datasets or any iterable of mappings."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.data.folders import is_dataset
from langue.data.lines import TextLine, UnreadableFile, read_lines
from langue.data.records import Dropped, Row, excerpt, is_blank
from langue.data.sources import Origin
from langue.data.strict_json import parse_json
from langue.data.values import without_missing
from langue.errors import LangueError, reading, reason
from langue.extra import need

STRAY_CR = "\udc0d"
"""Stands for a carriage return while a line is parsed, which the csv module would take for its end; decoded text has no
halves of surrogate pairs."""


Splitter = Callable[[Iterator[str], int], Iterator[tuple[Sequence[str], str]]]


def rows(origin: Origin, limit: int, column: str | None = None, *, with_names: bool = False) -> Iterator[Row | Dropped]:
    """The rows that can be read, and what had to be left out.

    Args:
        origin: the place.
        limit: longer lines, and longer rows of a csv file, in bytes, are left out.
        column: the only column that is wanted; None for all.
        with_names: give the names of classes where a dataset has numbers for them.

    Raises:
        LangueError: the place as a whole cannot be read.
    """
    if origin.kind == "jsonl":
        yield from _jsonl(origin.file, limit)
    elif origin.kind in ("csv", "tsv"):
        yield from _delimited(origin.file, limit, _split_csv if origin.kind == "csv" else _split_tsv)
    else:
        for number, values in enumerate(_whole(origin, column, with_names), 1):
            yield Row(_named(values), number, None)


def refuse_repeated(names: Iterable[str], where: str | Path) -> None:
    """Refuse a header in which a name stands for several columns, of which one would hide the others.

    Raises:
        LangueError: names the column.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1 and name.strip()]
    if repeated:
        raise LangueError(f"{where}: its header has the name {repeated[0]!r} more than once; give each column its own")


def _jsonl(path: Path, limit: int) -> Iterator[Row | Dropped]:
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            yield line
            continue
        try:
            if is_blank(line.text):
                raise ValueError("empty")
            values = parse_json(line.text)
        except ValueError as error:
            yield Dropped(str(error), str(path), line.number, line.size, excerpt(line.text.encode()))
        else:
            yield Row(_named(values), line.number, line.size)


def _named(values: Any) -> Mapping[str, Any]:
    """A row by column name; a value by itself is a text."""
    return without_missing(values) if isinstance(values, Mapping) else {"text": values}


def _delimited(path: Path, limit: int, split: Splitter) -> Iterator[Row | Dropped]:
    """The rows of a file with a header; `split` makes rows of lines."""
    taken: list[TextLine] = []
    left_out: list[Dropped] = []

    def feed() -> Iterator[str]:
        for line in read_lines(path, limit):
            if isinstance(line, Dropped):
                left_out.append(line)
            else:
                taken.append(line)
                yield line.text

    header: Sequence[str] | None = None
    for values, fault in split(feed(), limit):
        if header is None:
            if fault or left_out:
                number, fault = (left_out[0].number, left_out[0].reason) if left_out else (1, fault)
                raise UnreadableFile(f"{path}, line {number}: {fault} in the header, which names the columns")
            refuse_repeated(values, path)
            header = values or None  # blank lines before it are none
            taken.clear()
            continue
        yield from left_out
        left_out.clear()
        objection = fault or (
            "empty" if not values else "" if len(values) == len(header) else "wrong number of columns"
        )
        size = sum(line.size for line in taken)
        if objection:
            begins = excerpt(taken[0].text.encode())
            yield Dropped(objection, str(path), taken[0].number, size, begins, len(taken))
        else:
            yield Row(dict(zip(header, values, strict=True)), taken[0].number, size)
        taken.clear()
    yield from left_out


def _split_csv(lines: Iterator[str], limit: int) -> Iterator[tuple[Sequence[str], str]]:
    """The fields of each row, or what is wrong with it; quoted fields may hold line ends."""
    csv.field_size_limit(limit)  # bounds what a forgotten quote can swallow
    reader = csv.reader((line.replace("\r", STRAY_CR) + "\n" for line in lines), strict=True)
    while True:
        try:
            yield [field.replace(STRAY_CR, "\r") for field in next(reader)], ""
        except StopIteration:
            return
        except csv.Error as error:
            yield [], "field too long" if "limit" in str(error) else "misplaced quote"


def _split_tsv(lines: Iterator[str], limit: int) -> Iterator[tuple[Sequence[str], str]]:
    """The fields of each line, in which quotes mean themselves."""
    for line in lines:
        yield line.split("\t") if line else [], ""


def _whole(origin: Origin, column: str | None, with_names: bool) -> Iterator[Any]:
    if origin.kind == "rows":
        assert origin.rows is not None
        return iter(named_classes(origin.rows) if with_names else origin.rows)
    if origin.kind == "parquet":
        return _parquet(origin.file, column)
    return _datasets(origin, with_names)


def _parquet(path: Path, column: str | None) -> Iterator[Mapping[str, Any]]:
    parquet = need("pyarrow.parquet", "parquet", "reading parquet")
    with reading(path, kind=UnreadableFile), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        refuse_repeated(names, path)
        for batch in file.iter_batches(batch_size=1024, columns=[column] if column in names else None):
            yield from _as_rows(path, batch)


def _as_rows(path: Path, batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch of Arrow's.

    Raises:
        UnreadableFile: a column holds what Python has no value for, such as a text that is no UTF-8 or a time after the
            year 9999; names it.
    """
    columns = []
    for name, cells in zip(batch.schema.names, batch.columns, strict=True):
        with reading(f"{path}, column {name!r}", kind=UnreadableFile):
            columns.append(cells.to_pylist())
    return (dict(zip(batch.schema.names, cells, strict=True)) for cells in zip(*columns, strict=True))


def _datasets(origin: Origin, with_names: bool) -> Iterator[Mapping[str, Any]]:
    """`hf:NAME[/CONFIG][:SPLIT]`, streamed; or a folder that `save_to_disk` made."""
    datasets = need("datasets", "hf", origin.name)
    try:
        if origin.kind == "folder":
            loaded: Any = datasets.load_from_disk(str(origin.path))
            if isinstance(loaded, dict):
                loaded = loaded["train"] if "train" in loaded else next(iter(loaded.values()))
        else:
            loaded = _stream(*parse_name(origin.name))
        yield from named_classes(loaded) if with_names else loaded
    except Exception as error:  # the library raises whatever its file systems and the network raise
        raise LangueError(f"{origin.name} cannot be loaded: {reason(error)}") from error


def named_classes(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows of a dataset, with the names of classes in place of their numbers and None in place of -1, by which
    datasets say that there is none; any other rows as they are."""
    library = sys.modules.get("datasets")  # which has not made the rows if nobody has imported it
    if library is None or not isinstance(rows, library.Dataset | library.IterableDataset):
        yield from rows
        return
    named = {name: names for name, kind in (rows.features or {}).items() if (names := _class_names(kind, library))}
    for row in rows.with_format(None):
        yield {**row, **{column: _name(row[column], names) for column, names in named.items()}}


def _class_names(kind: Any, library: Any) -> list[str] | None:
    """The names of a column's classes, or of those that its lists hold."""
    if isinstance(kind, library.ClassLabel):
        return list(kind.names)
    inner = kind[0] if isinstance(kind, list) else getattr(kind, "feature", None)  # a list is spelt in several ways
    return list(inner.names) if isinstance(inner, library.ClassLabel) else None


def _name(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_name(number, names) for number in value]
    return names[value] if value is not None and 0 <= value < len(names) else None


def parse_name(name: str) -> tuple[str, str | None, str]:
    """`hf:NAME[/CONFIG][:SPLIT]` as repository or local folder, configuration, and split ("train" unless said).

    A name of two parts is OWNER/NAME first of all; `_stream` tries NAME/CONFIG if there is none.
    """
    place, _, split = name.removeprefix("hf:").partition(":")
    if Path(place).is_dir():
        return place, None, split or "train"
    owner, *rest = place.split("/", 2)
    return "/".join([owner, *rest[:1]]), (rest[1] if len(rest) > 1 else None), split or "train"


def _stream(repository: str, config: str | None, split: str) -> Any:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    if is_dataset(Path(repository)):
        saved: Any = datasets.load_from_disk(repository)
        if isinstance(saved, dict) and split not in saved:
            raise ValueError(f"there is no split {split!r}; there are {', '.join(saved)}")
        return saved[split] if isinstance(saved, dict) else saved
    try:
        return datasets.load_dataset(repository, config, split=split, streaming=True)
    except DatasetNotFoundError:
        name, _, rest = repository.partition("/")
        if config is not None or not rest:
            raise
        return datasets.load_dataset(name, rest, split=split, streaming=True)
