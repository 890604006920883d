"""Rows of a benchmark's task under Langue's own column names, from a folder of its files or from other tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langue.data.benchmarks.benchmark import Benchmark, Record, located
from langue.data.benchmarks.table import find_benchmark
from langue.data.values import finite, is_missing, whole
from langue.errors import LangueError

HUB_SPLITS = {"dev": "validation"}
"""Hugging Face's name of a split, where it is another word."""


def read_benchmark(name: str, folder: Path | str, split: str) -> list[dict[str, Any]]:
    """The rows of a split, from the benchmark's own files.

    Args:
        name: such as "glue/CoLA".
        folder: the task's own folder, or the one that holds it.
        split: "train", "dev", "test", or for MNLI "dev_mismatched" and "test_mismatched" as well.

    Returns:
        Rows with the columns of the benchmark's kind. `label` is a label's name, a number or a choice's index, and
        missing where the file does not tell it; `index` is the benchmark's own, for submissions.

    Raises:
        LangueError: no such benchmark, split, folder or file, or a file that is not in the benchmark's layout.
    """
    benchmark = find_benchmark(name)
    path = find_file(benchmark, Path(folder).expanduser(), split)
    rows = list(_converted(benchmark, benchmark.read(path), needs_label=not split.startswith("test")))
    if not rows:
        raise LangueError(f"{path} holds no rows")
    return rows


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same rows from a dataset with the columns that Hugging Face's copy of the benchmark has.

    Args:
        name: such as "glue/CoLA".
        rows: a `datasets.Dataset`, or any rows by column name; class numbers as labels, -1 for none.

    Raises:
        LangueError: a column is missing, or a label unknown; names the row, from 0.
    """
    benchmark = find_benchmark(name)
    return list(_converted(benchmark, ((f"{benchmark.name}, row {place}", row) for place, row in enumerate(rows))))


def hub_name(name: str, split: str, place: str = "") -> str:
    """The `hf:` name of a split of a benchmark, such as "hf:nyu-mll/glue/cola:validation".

    Args:
        name: such as "glue/CoLA".
        split: as Langue calls it.
        place: a repository, or a folder that holds a dataset or one for each configuration, in the usual one's place.

    Raises:
        LangueError: no such benchmark, or split of it.
    """
    benchmark = find_benchmark(name)
    _check_split(benchmark, split)
    config = benchmark.hub.split("/")[-1]
    if place and (Path(place) / config).is_dir():
        place = f"{place}/{config}"
    return f"hf:{place or benchmark.hub}:{benchmark.hub_splits.get(split, HUB_SPLITS.get(split, split))}"


def find_file(benchmark: Benchmark, folder: Path, split: str) -> Path:
    """The file of a split.

    Raises:
        LangueError: no such split, folder or file; names the files that would do.
    """
    _check_split(benchmark, split)
    if not folder.is_dir():
        raise LangueError(f"there is no folder {folder}")
    names = benchmark.splits[split]
    # The task's own folder first: files of other tasks may have the same names.
    for place in [*(folder / own for own in benchmark.folders), folder]:
        for name in names:
            if (place / name).is_file():
                return place / name
    wanted = " or ".join(names)
    raise LangueError(
        f"{benchmark.name} has its {split} split in {wanted}, which is neither in {folder} "
        f"nor in a folder {' or '.join(benchmark.folders)} there"
    )


def _check_split(benchmark: Benchmark, split: str) -> None:
    if split not in benchmark.splits:
        raise LangueError(f"{benchmark.name} has no split {split!r}; it has {', '.join(benchmark.splits)}")


def _converted(benchmark: Benchmark, records: Iterable[Record], needs_label: bool = False) -> Iterator[dict[str, Any]]:
    for number, (place, fields) in enumerate(records):
        with located(place):
            row = benchmark.row(fields)
            label = _label(benchmark, row.pop("label", None), row)
            if label is not None:
                row["label"] = label
            elif needs_label and "answers" not in row:
                raise LangueError("there is no label, and only test files may lack it")
        row["index"] = _index(benchmark, row.get("index"), number)
        yield row


def _index(benchmark: Benchmark, index: Any, number: int) -> Any:
    """The benchmark's own number of a row, or else its place in the file, which is what the leaderboards count by."""
    if benchmark.suite == "glue" and isinstance(index, str) and index.isdecimal():
        return int(index)
    return number if index is None else index


def _label(benchmark: Benchmark, value: Any, row: Mapping[str, Any]) -> str | float | int | None:
    """A label as Langue has it, from its name or class number; None where there is none."""
    if is_missing(value) or value == -1 or benchmark.kind == "answer":
        return None
    if benchmark.kind == "regression":
        number = finite(value)
        if number is None:
            raise LangueError(f"the label should be a number, got {value!r:.60}")
        return number
    if isinstance(value, str) and value in benchmark.labels:
        return value
    many = len(row["choices"]) if benchmark.kind == "choice" else len(benchmark.labels)
    place = int(value) if isinstance(value, bool) else whole(value)
    if place is None or not 0 <= place < many:
        known = f"0 to {many - 1}" if benchmark.kind == "choice" else ", ".join(benchmark.labels)
        raise LangueError(f"the label {value!r:.60} is unknown; known are {known}")
    return place if benchmark.kind == "choice" else benchmark.labels[place]
