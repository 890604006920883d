"""What `langue translate` and `langue summarize` have in common: texts or a file in, lines or JSON out, in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import demand, read_inputs
from langue.console import progress
from langue.tasks.rewrite import Rewritten

TOGETHER = 2000
"""Texts that are sorted by length together, and then written out; so a file of any size needs no more memory."""


@Parameter(name="*")
@dataclass(frozen=True)
class SearchOptions:
    """How to search for what is written; what is None is left to the search's own settings."""

    beams: Annotated[int, Parameter(help="Hypotheses that are followed at once; 1 takes the likeliest token.")] = 4
    samples: Annotated[int, Parameter(help="Texts for each, the best of its beams; shown with --json.")] = 1
    max_tokens: Annotated[int | None, Parameter(help="New tokens at most; by default 16 and 1.5 for each read.")] = None
    min_tokens: Annotated[int, Parameter(help="New tokens before a text may end.")] = 0
    length_penalty: Annotated[float, Parameter(help="Above 1 favours long texts.")] = 1.0
    coverage_penalty: Annotated[float, Parameter(help="Above 0 favours texts that leave nothing out.")] = 0.0
    no_repeat_ngram: Annotated[int | None, Parameter(help="No so many tokens in a row stand twice in a text.")] = None
    repetition_penalty: Annotated[float, Parameter(help="Above 1, makes what stands there already less likely.")] = 1.0
    groups: Annotated[int, Parameter(help="Groups of beams that avoid each other's tokens.")] = 1
    temperature: Annotated[float, Parameter(help="Above 0 and with 1 beam, tokens are drawn.")] = 0.0
    top_p: Annotated[float | None, Parameter(help="Draw among tokens that hold this share of probability.")] = None
    seed: Annotated[int, Parameter(help="Of drawing: the same seed gives the same text.")] = 0
    alignments: Annotated[
        bool, Parameter(help="With --json, tell for each token what it looked at and its log-probability.", negative="")
    ] = False

    def given(self) -> dict[str, Any]:
        """The fields of `SearchSettings` that these stand for."""
        return {name: value for name, value in vars(self).items() if value is not None}


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
                line = json.dumps({source: text, target: found.text, **_more(task, found)}, ensure_ascii=False)
            file.write(line + "\n")
        file.flush()


def _more(task: Any, found: Rewritten) -> dict[str, Any]:
    """What a line of JSON says beside the best text: its score, the others, and token by token what was looked at."""
    scores = [round(score, 4) for score in found.scores]
    more: dict[str, Any] = {"score": scores[0]} if scores else {}
    if len(found.texts) > 1:
        more |= {"texts": found.texts, "scores": scores}
    if found.best is not None and found.best.alignment is not None:
        tokens = [task.tokenizer.decode([token], skip_special=False) for token in found.best.tokens]
        more |= {
            "tokens": tokens,
            "log_probabilities": [round(value, 4) for value in found.best.log_probabilities],
            "alignment": found.best.alignment.argmax(-1).tolist(),
        }
    return more
