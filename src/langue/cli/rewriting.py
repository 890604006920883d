"""What `langue translate` and `langue summarize` have in common: texts or a file in, lines or JSON out, in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from langue.cli.inputs import demand, read_inputs
from langue.console import progress
from langue.tasks.rewrite import Rewritten

TOGETHER = 2000
"""Texts that are sorted by length together, and then written out; so a file of any size needs no more memory."""


def read_texts(texts: Sequence[str], file: Path | None, column: str) -> list[str]:
    """The texts given, and one more for each line of a file, empty ones included, or for each row of a table.

    Raises:
        LangueError: there is nothing, the file cannot be read, or a table has no such column.
    """
    from langue.data.labelled import missing_column

    given = list(texts)
    for number, row in enumerate(read_inputs(file), 1):
        if not isinstance(row, str) and column not in row:
            raise missing_column(f"{file}, row {number}", column, row)
        given.append(row if isinstance(row, str) else str(row[column]))
    return demand(given, "text")


def rewrite_all(task: Any, texts: Sequence[str], out: Path | None, *, as_json: bool, **options: Any) -> None:
    """Write what becomes of each text as one line, or one JSON object, in order."""
    with progress(f"{task.name}: {len(texts):,} texts", float(len(texts)), "texts") as advance:
        if out is None:
            _write(task, texts, sys.stdout, as_json, advance, options)
            return
        with out.open("w", encoding="utf-8") as file:
            _write(task, texts, file, as_json, advance, options)


def _write(
    task: Any, texts: Sequence[str], file: IO[str], as_json: bool, advance: Any, options: dict[str, Any]
) -> None:
    source, target = task.columns
    for start in range(0, len(texts), TOGETHER):
        some = texts[start : start + TOGETHER]
        for text, found in zip(some, task.rewrite(some, advance=advance, **options), strict=True):
            line = " ".join(found.text.split("\n"))
            if as_json:
                line = json.dumps({source: text, target: found.text, **_more(found)}, ensure_ascii=False)
            file.write(line + "\n")
        file.flush()


def _more(found: Rewritten) -> dict[str, Any]:
    """What a line of JSON says beside the best text: its score, and the others where several were asked for."""
    scores = [round(score, 4) for score in found.scores]
    if len(found.texts) < 2:
        return {"score": scores[0]} if scores else {}
    return {"score": scores[0], "texts": found.texts, "scores": scores}
