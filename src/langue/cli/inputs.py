"""What verbs that read texts are given: on the command line, or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langue.errors import LangueError

TABLES = (".jsonl", ".csv", ".tsv", ".parquet", ".json", ".conll", ".bio", ".iob", ".iob2")


def read_inputs(file: Path | None) -> Iterator[Any]:
    """Each line of a text file as a text, or each row of a table by column name.

    Raises:
        LangueError: the file cannot be read.
    """
    if file is None:
        return
    if file.suffix.lower() in TABLES:
        from langue.data import DataSettings
        from langue.data.labelled import read_labelled

        yield from (row.values for row in read_labelled(str(file), DataSettings(train="")))
        return
    yield from read_lines(file)


def read_lines(file: Path) -> Iterator[str]:
    """The lines of a text file, without what ends them.

    Raises:
        LangueError: the file cannot be read, or is no text.
    """
    from langue.data.lines import sound_lines

    return (line.text for line in sound_lines(file))


def demand(inputs: list[Any], what: str) -> list[Any]:
    """The same, if there is anything.

    Raises:
        LangueError: there is nothing.
    """
    if not inputs:
        raise LangueError(f"there is no {what}; give one, or a file of them with --file")
    return inputs


def check_task(task: Any, verb: str) -> None:
    """Refuse a model that was made for something else.

    Raises:
        LangueError: names the verb that fits.
    """
    if task.name != verb:
        raise LangueError(f"the model was trained to {task.name}; use it by: langue {task.name} …")
