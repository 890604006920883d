"""What `langue translate` and `langue summarize` have in common: texts or a file in, lines or JSON out, in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from langue.cli.inputs import demand, read_inputs
from langue.cli.searching import RewriteOptions
from langue.console import progress
from langue.errors import LangueError
from langue.tasks.rewrite import Rewritten

TOGETHER = 2000
"""Texts that are sorted by length together, and then written out; so a file of any size needs no more memory."""


PREFIX, MUST = "prefix", "must"
"""Columns that ask something of a row's text alone, as the options of these names do of all."""


@dataclass(frozen=True)
class Asked:
    """Texts to be rewritten, with what is asked of each alone."""

    texts: list[str]
    prefixes: list[str]
    words: list[tuple[str, ...]]

    def options(self, search: RewriteOptions, start: int) -> dict[str, Any]:
        """The search for some of the texts."""
        some = slice(start, start + TOGETHER)
        prefixes = [own or search.prefix for own in self.prefixes[some]]
        return {**search.given(), "prefix": prefixes, "must": [[*search.must, *own] for own in self.words[some]]}


def read_texts(texts: Sequence[str], file: Path | None, column: str) -> Asked:
    """The texts given, and one more for each line of a file, empty ones included, or for each row of a table.

    Raises:
        LangueError: there is nothing, the file cannot be read, a table has no such column, or asks for no words.
    """
    from langue.data.labelled import missing_column

    asked = Asked(list(texts), [""] * len(texts), [()] * len(texts))
    for number, row in enumerate(read_inputs(file), 1):
        place = f"{file}, row {number}"
        if not isinstance(row, str) and column not in row:
            raise missing_column(place, column, row)
        own: Mapping[str, Any] = {} if isinstance(row, str) else row
        asked.texts.append(row if isinstance(row, str) else str(row[column] or ""))
        asked.prefixes.append(str(own.get(PREFIX) or ""))
        asked.words.append(_words(own.get(MUST), place))
    demand(asked.texts, "text")
    return asked


def _words(given: Any, place: str) -> tuple[str, ...]:
    """A list of words, or in tables without lists words between which | stands."""
    words = given.split("|") if isinstance(given, str) else given or ()
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise LangueError(f"{place}: {MUST} should be a list of words, got {given!r:.60}")
    return tuple(word.strip() for word in words if word.strip())


def rewrite_all(
    task: Any, asked: Asked, search: RewriteOptions, out: Path | None, *, as_json: bool, **options: Any
) -> None:
    """Write what becomes of each text as one line, or one JSON object, in order."""
    count = len(asked.texts)
    with progress(f"{task.name}: {count:,} texts", float(count), "texts") as advance, ExitStack() as stack:
        file: IO[str] | None = None
        for start in range(0, count, TOGETHER):
            some = asked.texts[start : start + TOGETHER]
            written = task.rewrite(some, **asked.options(search, start), **options, advance=advance)
            if file is None:  # now that there is something to write, what stood there may go
                file = sys.stdout if out is None else stack.enter_context(out.open("w", encoding="utf-8"))
            file.writelines(_line(task, text, found, as_json) for text, found in zip(some, written, strict=True))
            file.flush()


def _line(task: Any, text: str, found: Rewritten, as_json: bool) -> str:
    if not as_json:
        return " ".join(found.text.splitlines()) + "\n"
    source, target = task.columns
    return json.dumps({source: text, target: found.text, **_more(task, found)}, ensure_ascii=False) + "\n"


def _more(task: Any, found: Rewritten) -> dict[str, Any]:
    """What a line of JSON says beside the best text: its score, the others, its tokens, and what was looked at."""
    scores = [round(score, 4) for score in found.scores]
    more: dict[str, Any] = {"score": scores[0]} if scores else {}
    if len(found.texts) > 1:
        more |= {"texts": found.texts, "scores": scores}
    if found.best is not None:
        more |= token_by_token(task.tokenizer, found.best)
        if found.best.alignment is not None:
            more |= {
                "source_tokens": task.source_names(found.read),
                "alignment": found.best.alignment.argmax(-1).tolist(),
            }
    return more


def token_by_token(tokenizer: Any, found: Any) -> dict[str, Any]:
    """A text's tokens, the one that ended it among them, and the log-probability of each."""
    tokens = [*found.tokens, *([found.end] if found.ended else [])]
    return {
        "tokens": tokenizer.names(tokens),
        "log_probabilities": [round(value, 4) for value in found.log_probabilities[: len(tokens)]],
    }
