"""CoNLL files: a word a line with its labels, an empty line after each sentence (Sang and De Meulder 2003)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langue.data.lines import read_lines
from langue.data.records import Dropped
from langue.errors import LangueError

CONLL = (".conll", ".bio", ".iob", ".iob2")

BETWEEN_DOCUMENTS = "-DOCSTART-"


def read_conll(path: Path, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each sentence's first line, and its `tokens` and `tags`: the first column and the last.

    Raises:
        LangueError: there is no such file, or a line has another number of columns than the first; names the line.
    """
    if not path.is_file():
        raise LangueError(f"there is no file {path}")
    columns, first = 0, 0
    words: list[str] = []
    tags: list[str] = []
    for line in read_lines(path, limit):
        if isinstance(line, Dropped):
            raise LangueError(f"{path}, line {line.number}: {line.reason}")
        fields = line.text.split()
        if not fields or fields[0] == BETWEEN_DOCUMENTS:
            if words:
                yield first, {"tokens": words, "tags": tags}
            words, tags = [], []
            continue
        columns = columns or len(fields)
        if len(fields) != columns or columns < 2:
            raise LangueError(
                f"{path}, line {line.number}: wrong number of columns; a word comes first, its label last"
            )
        first = first if words else line.number
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        yield first, {"tokens": words, "tags": tags}
