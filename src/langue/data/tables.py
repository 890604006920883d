"""Tables: rows by column name from jsonl, csv, tsv, parquet, Hugging Face Datasets or any iterable of mappings."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from langue.data.sources import Origin
from langue.data.tally import Tally
from langue.errors import LangueError

Row = Mapping[str, Any]


def rows(origin: Origin, tally: Tally) -> Iterator[tuple[int, int, Row]]:
    """Number, size in bytes, and values of each row that can be read; the tally gets those that cannot.

    Raises:
        LangueError: the place as a whole cannot be read.
    """
    if origin.kind == "jsonl":
        yield from _jsonl(origin, tally)
    elif origin.kind in ("csv", "tsv"):
        yield from _csv(origin)
    else:
        for number, row in enumerate(_whole(origin), 1):
            if not isinstance(row, Mapping):
                row = {"text": row}
            yield number, sum(len(str(value)) for value in row.values()), row


def _jsonl(origin: Origin, tally: Tally) -> Iterator[tuple[int, int, Row]]:
    assert origin.path is not None
    with origin.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except UnicodeDecodeError:
                tally.drop("invalid UTF-8", origin.name, number, len(line), line)
                continue
            except ValueError:
                reason = "invalid JSON" if line.strip() else "empty"
                tally.drop(reason, origin.name, number, len(line), line)
                continue
            yield number, len(line), row if isinstance(row, dict) else {"text": row}


def _csv(origin: Origin) -> Iterator[tuple[int, int, Row]]:
    assert origin.path is not None
    csv.field_size_limit(sys.maxsize)
    # Bytes that are no UTF-8 come through as lone surrogates, by which the reader of the text knows them again.
    with origin.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        if origin.kind == "csv":
            reader = csv.DictReader(file)
        else:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            for number, row in enumerate(reader, 2):
                yield number, sum(len(value) + 1 for value in row.values() if isinstance(value, str)), row
        except csv.Error as error:
            raise LangueError(f"{origin.name}, line {reader.line_num}: {error}") from None


def _whole(origin: Origin) -> Iterator[Any]:
    if origin.kind == "rows":
        assert origin.rows is not None
        return iter(origin.rows)
    if origin.kind == "parquet":
        assert origin.path is not None
        return _parquet(origin.path)
    return _datasets(origin)


def _parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise LangueError("reading parquet needs pyarrow: pip install 'langue[parquet]'") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise LangueError(f"{path} is not a parquet file: {error}") from None
    with file:
        for batch in file.iter_batches(batch_size=1024):
            yield from batch.to_pylist()


def _datasets(origin: Origin) -> Iterator[Row]:
    """`hf:NAME[/CONFIG][:SPLIT]`, streamed; or a folder that `save_to_disk` made."""
    try:
        import datasets
    except ImportError:
        raise LangueError(f"{origin.name} needs Hugging Face Datasets: pip install 'langue[hf]'") from None
    try:
        if origin.kind == "folder":
            found = datasets.load_from_disk(str(origin.path))
        else:
            name, _, split = origin.name.removeprefix("hf:").partition(":")
            owner, *rest = name.split("/")
            repository = "/".join([owner, *rest[:1]])
            found = datasets.load_dataset(repository, *rest[1:2], split=split or "train", streaming=True)
    except Exception as error:  # the library raises whatever its file systems raise
        raise LangueError(f"{origin.name} cannot be loaded: {str(error).splitlines()[0]}") from None
    if isinstance(found, dict):
        found = found["train"] if "train" in found else next(iter(found.values()))
    return iter(found)
