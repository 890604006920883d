"""`langue data look`: what is in data, before anything is learnt from them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from langue.cli.options import AtLeastOne, Json

if TYPE_CHECKING:
    from langue.data.look import Look

SHOWN = 300
"""Characters of an example that are printed."""


def look(
    *files: AtLeastOne,
    columns: str | None = None,
    task: str | None = None,
    rows: Annotated[int | None, Parameter(name="--rows")] = None,
    out: Path | None = None,
    as_json: Json = False,
) -> None:
    """Look at data: rows, columns, lengths, labels, languages, duplicates, odd signs, what a training would leave out.

    Whole files are read, and nothing is changed. `langue train FILE` goes by what is said here.

    Args:
        files: Files (txt, jsonl, csv, tsv, parquet, json, conll), globs, folders (of recordings too), hf: and package:
            names.
        columns: Names of the table's columns, such as '{text: review, label: stars}', where they are not guessed right.
        task: The task that the data are for, where it is not guessed right.
        rows: Look at so many rows alone.
        out: A page to write, such as look.html.
        as_json: Print one JSON object.
    """
    from langue.data.look import chosen_columns, look_at

    seen = look_at(list(files), chosen_columns({"data.columns": columns} if columns else {}), task, rows)
    if out is not None:
        _write_page(seen, out)
    print(json.dumps(seen.summary(), ensure_ascii=False, default=str) if as_json else "\n".join(_lines(seen)))


def _write_page(seen: Look, out: Path) -> None:
    from langue.console import say
    from langue.extra import need
    from langue.files import write_text

    need("jinja2", "report", "a page")
    from langue.report.look import look_page

    write_text(out, look_page(seen))
    say(f"page: {out}")


def _lines(seen: Look) -> list[str]:
    """All that was seen, in words."""
    from langue.console import visible
    from langue.data.look_words import column_line, headline, languages, warnings
    from langue.wording import size

    width = max(len(column.name) for column in seen.columns)
    amount = f"{size(seen.size)} in {seen.files:,} file{'s' * (seen.files != 1)}" if seen.size else "size unknown"
    sources = shlex.join(["langue", "train", *seen.names])
    return [
        headline(seen),
        "",
        f"columns ({amount})",
        *(f"  {column.name:<{width}}  {column_line(seen, column)}" for column in seen.columns),
        "",
        languages(seen),
        *(warnings(seen) or ["nothing is odd, repeated or left out"]),
        "",
        "examples",
        *(visible(line) for number, row in enumerate(seen.examples(), 1) for line in _example(number, row)),
        "",
        f"train on it: {sources}" if seen.layout else "no task is known for such data",
    ]


def _example(number: int, row: Mapping[str, Any]) -> list[str]:
    width = max(map(len, row), default=0)
    lines = [f"  {name:<{width}}  {_shortened(value)}" for name, value in row.items()]
    return [f"  {number}", *(f"  {line}" for line in lines)]


def _shortened(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
