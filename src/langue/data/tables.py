"""Tables: rows by column name from jsonl, csv, tsv, parquet, Hugging Face Datasets or any iterable of mappings."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langue.data.lines import Line, UnreadableFile, read_lines
from langue.data.records import Dropped, Row, excerpt, is_blank
from langue.data.sources import Origin
from langue.errors import LangueError
from langue.extra import need


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
        assert origin.path is not None
        yield from _jsonl(origin.path, limit)
    elif origin.kind in ("csv", "tsv"):
        assert origin.path is not None
        yield from _delimited(origin.path, limit, quoted=origin.kind == "csv")
    else:
        for number, values in enumerate(_whole(origin, column, with_names), 1):
            yield Row(values if isinstance(values, Mapping) else {"text": values}, number, None)


def _jsonl(path: Path, limit: int) -> Iterator[Row | Dropped]:
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            yield line
            continue
        if is_blank(line.text):
            yield Dropped("empty", str(path), line.number, line.size, line.text)
            continue
        try:
            values = json.loads(line.text)
        except (ValueError, RecursionError):
            yield Dropped("invalid JSON", str(path), line.number, line.size, excerpt(line.text.encode()))
            continue
        yield Row(values if isinstance(values, dict) else {"text": values}, line.number, line.size)


def _delimited(path: Path, limit: int, quoted: bool) -> Iterator[Row | Dropped]:
    """A csv file, whose quoted fields may hold line ends, or a tsv file, in which quotes mean themselves."""
    taken: list[Line] = []
    left_out: list[Dropped] = []

    def feed() -> Iterator[str]:
        for line in read_lines(path, limit):
            if isinstance(line, Dropped):
                left_out.append(line)
            else:
                taken.append(line)
                yield line.text + "\n"

    # The field limit bounds what a forgotten quote can swallow.
    csv.field_size_limit(limit)
    reader = csv.reader(feed()) if quoted else csv.reader(feed(), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(reader, [])
    taken.clear()
    while True:
        try:
            values = next(reader, None)
            reason = "empty" if not values else "" if len(values) == len(header) else "wrong number of columns"
        except csv.Error:
            values, reason = [], "field too long"
        yield from left_out
        left_out.clear()
        if values is None:
            return
        size = sum(line.size for line in taken)
        if reason:
            yield Dropped(reason, str(path), taken[0].number, size, excerpt(taken[0].text.encode()))
        else:
            yield Row(dict(zip(header, values, strict=True)), taken[0].number, size)
        taken.clear()


def _whole(origin: Origin, column: str | None, with_names: bool) -> Iterator[Any]:
    if origin.kind == "rows":
        assert origin.rows is not None
        return iter(named_classes(origin.rows) if with_names else origin.rows)
    if origin.kind == "parquet":
        assert origin.path is not None
        return _parquet(origin.path, column)
    return _datasets(origin, with_names)


def _parquet(path: Path, column: str | None) -> Iterator[Mapping[str, Any]]:
    pyarrow, parquet = (need(name, "parquet", "reading parquet") for name in ("pyarrow", "pyarrow.parquet"))
    try:
        with parquet.ParquetFile(path) as file:
            wanted = [column] if column in file.schema_arrow.names else None
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path} cannot be read as a parquet file: {_first_line(error)}") from None


def _datasets(origin: Origin, with_names: bool) -> Iterator[Mapping[str, Any]]:
    """`hf:NAME[/CONFIG][:SPLIT]`, streamed; or a folder that `save_to_disk` made."""
    datasets = need("datasets", "hf", origin.name)
    try:
        if origin.kind == "folder":
            found: Any = datasets.load_from_disk(str(origin.path))
            if isinstance(found, dict):
                found = found["train"] if "train" in found else next(iter(found.values()))
        else:
            found = _stream(*parse_name(origin.name))
        yield from named_classes(found) if with_names else found
    except Exception as error:  # the library raises whatever its file systems and the network raise
        raise LangueError(f"{origin.name} cannot be loaded: {_first_line(error)}") from None


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
        return [_name(each, names) for each in value]
    return None if value is None or value < 0 else names[value]


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

    if (Path(repository) / "dataset_dict.json").is_file() or (Path(repository) / "dataset_info.json").is_file():
        found: Any = datasets.load_from_disk(repository)
        if isinstance(found, dict) and split not in found:
            raise ValueError(f"there is no split {split!r}; there are {', '.join(found)}")
        return found[split] if isinstance(found, dict) else found
    try:
        return datasets.load_dataset(repository, config, split=split, streaming=True)
    except DatasetNotFoundError:
        name, _, rest = repository.partition("/")
        if config is not None or not rest:
            raise
        return datasets.load_dataset(name, rest, split=split, streaming=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
