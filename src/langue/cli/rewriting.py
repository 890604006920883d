"""What `langue translate` and `langue summarize` have in common: texts or a file in, lines or JSON out, in order."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

from langue.cli.inputs import Inputs, json_line, on_command_line, one_line, read_inputs, text_in
from langue.cli.searching import RewriteOptions
from langue.console import progress
from langue.errors import LangueError
from langue.tasks.constraints import phrase_tokens, prefix_tokens
from langue.tasks.rewriting.predict import Rewritten

TOGETHER = 2000
"""Texts that are sorted by length together, and then written out; so a file of any size needs no more memory."""


PREFIX, MUST = "prefix", "must"
"""Columns that ask something of a row's text alone, as the options of these names do of all."""


class Asked(NamedTuple):
    """A text to be rewritten, with what is asked of it alone."""

    text: str
    prefix: str = ""
    words: tuple[str, ...] = ()


def read_asked(texts: Sequence[str], file: Path | None, column: str) -> Inputs:
    """The texts given, and one more for each line of a file, empty ones included, or for each row of a table.

    Raises:
        LangueError: there is nothing that could be used.
    """
    inputs = Inputs("text", [*on_command_line(texts), *read_inputs(file)])

    def asked(value: Any, place: str) -> Asked:
        text = text_in(value, place, column)
        own: Mapping[str, Any] = {} if isinstance(value, str) else value
        return Asked(text, str(own.get(PREFIX) or ""), _words(own.get(MUST), place))

    return inputs.change(asked)


def _words(given: Any, place: str) -> tuple[str, ...]:
    """A list of words, or in tables without lists words between which | stands."""
    words = given.split("|") if isinstance(given, str) else given or ()
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise LangueError(f"{place}: {MUST} should be a list of words, got {given!r:.60}")
    return tuple(word.strip() for word in words if word.strip())


def rewrite_all(
    task: Any, inputs: Inputs, search: RewriteOptions, out: Path | None, *, as_json: bool, **options: Any
) -> int:
    """Write what becomes of each text as one line, or one JSON object, in order; the exit status.

    Raises:
        LangueError: no text can be used; nothing is written then.
    """

    def check(asked: Asked, place: str) -> None:
        task.check_input(asked.text, place)
        prefix_tokens(asked.prefix, 1, task.tokenizer)
        phrase_tokens([asked.words], 1, task.tokenizer)

    inputs.check(check)
    count = len(inputs)
    with progress(f"{task.name}: {count:,} texts", float(count), "texts") as advance, ExitStack() as stack:
        file: IO[str] | None = None
        for start in range(0, count, TOGETHER):
            part = inputs.part(start, start + TOGETHER)
            asked: list[Asked] = part.sound_values
            own = {"prefix": [each.prefix or search.prefix for each in asked]}
            must = [[*search.must, *each.words] for each in asked]
            written = task.rewrite(
                [each.text for each in asked], **{**search.given(), **own, "must": must}, **options, advance=advance
            )
            if file is None:  # now that there is something to write, what stood there may go
                file = sys.stdout if out is None else stack.enter_context(out.open("w", encoding="utf-8"))
            file.writelines(_line(task, *each, as_json) for each in part.results(written))
            file.flush()
    return inputs.end()


def _line(task: Any, asked: Asked | None, found: Rewritten | None, fault: str, as_json: bool) -> str:
    if not as_json:
        return (one_line(found.text) if found is not None else "") + "\n"
    source, target = task.columns
    text = asked.text if isinstance(asked, Asked) else None
    if found is None:
        return json_line({source: text, "error": fault}) + "\n"
    return json_line({source: text, target: found.text, **_more(task, found)}) + "\n"


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
