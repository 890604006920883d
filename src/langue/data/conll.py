"""CoNLL files: a word a line with its labels, an empty line after each sentence (Sang and De Meulder 2003)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langue.data.lines import valid_lines
from langue.data.records import is_blank
from langue.errors import LangueError

CONLL = (".conll", ".bio", ".iob", ".iob2")

BETWEEN_DOCUMENTS = "-DOCSTART-"

_TAB, _BLANKS = re.compile(r" *\t *"), re.compile(r"[ \t]+")


def read_conll(path: Path, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each sentence's first line, and its `tokens` and `tags`: the first column and the last.

    Tabs stand between the columns where the first word's line has one, else spaces. No other white space does: a
    no-break or an ideographic space is part of a word.

    Raises:
        LangueError: the file cannot be read, or a line has another number of columns than the first; names the line.
    """
    columns, first, between = 0, 0, _BLANKS
    words: list[str] = []
    tags: list[str] = []
    for line in valid_lines(path, limit):
        text = "" if is_blank(line.text) else line.text.strip(" \t")
        if not text or text.startswith(BETWEEN_DOCUMENTS):
            if words:
                yield first, {"tokens": words, "tags": tags}
            words, tags = [], []
            continue
        if not columns and "\t" in text:
            between = _TAB
        fields = between.split(text)
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
