"""The common part of `langue translate` and `langue summarize`: texts or a file in, lines or JSON out, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langue.cli.inputs import Inputs, by_column, json_line, on_command_line, one_line, read_inputs, text_in
from langue.cli.options import chosen
from langue.cli.output import Output
from langue.cli.searching import RewriteOptions
from langue.console import progress
from langue.errors import LangueError
from langue.tasks.constraints import phrase_tokens, prefix_tokens

if TYPE_CHECKING:
    from langue.tasks.rewriting.predict import Rewritten

TEXTS_TOGETHER = 2000
"""Texts that are sorted by length together, and then written out; so a file of any size needs no more memory."""

PREFIX, MUST = "prefix", "must"
"""Columns that constrain a row's text alone, as the options of these names do all."""


class SourceText(NamedTuple):
    """A text to be rewritten, with the constraints on its own result."""

    text: str
    prefix: str = ""
    words: tuple[str, ...] = ()


def read_sources(texts: Sequence[str], file: Path | None, column: str) -> Inputs:
    """The texts given, and one more for each line of a file, empty ones included, or for each row of a table.

    Raises:
        LangueError: there is nothing that could be used.
    """
    inputs = Inputs("text", [*on_command_line(texts), *read_inputs(file)], by_column)

    def source(value: Any, place: str) -> SourceText:
        text = text_in(value, place, column)
        row: Mapping[str, Any] = {} if isinstance(value, str) else value
        return SourceText(text, str(row.get(PREFIX) or ""), _words(row.get(MUST), place))

    return inputs.change(source)


def _words(value: Any, place: str) -> tuple[str, ...]:
    """A list of words, or in tables without lists words between which | stands."""
    words = value.split("|") if isinstance(value, str) else value or ()
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise LangueError(f"{place}: {MUST} should be a list of words, got {value!r:.60}")
    return tuple(word.strip() for word in words if word.strip())


def rewrite_all(
    task: Any, inputs: Inputs, search: RewriteOptions, out: Path | None, *, as_json: bool, **options: Any
) -> int:
    """Rewrite each text, and write the result as one line, or one JSON object, in order; the exit status.

    Raises:
        LangueError: no text can be used; nothing is written then.
    """

    def check(source: SourceText, place: str) -> None:
        task.check_input(source.text, place)
        prefix_tokens(source.prefix, 1, task.tokenizer)
        phrase_tokens([source.words], 1, task.tokenizer)

    inputs.check(check)
    count = len(inputs)
    with progress(f"{task.name}: {count:,} texts", float(count), "texts") as advance, Output(out) as output:
        for start in range(0, count, TEXTS_TOGETHER):
            part = inputs.part(start, start + TEXTS_TOGETHER)
            sources: list[SourceText] = part.sound_values
            prefixes = [source.prefix or search.prefix for source in sources]
            must = [[*search.must, *source.words] for source in sources]
            settings = {**chosen(search), "prefix": prefixes, "must": must}
            written = task.rewrite([source.text for source in sources], **settings, **options, advance=advance)
            output.write("".join(_line(task, *result, as_json) for result in part.results(written)))
    return inputs.end()


def _line(task: Any, source: SourceText | None, result: Rewritten | None, fault: str, as_json: bool) -> str:
    if not as_json:
        return (one_line(result.text) if result is not None else "") + "\n"
    column, target = task.columns
    text = source.text if isinstance(source, SourceText) else None
    if result is None:
        return json_line({column: text, "error": fault}) + "\n"
    return json_line({column: text, target: result.text, **_details(task, result)}) + "\n"


def _details(task: Any, result: Rewritten) -> dict[str, Any]:
    """The score of the best text, the other texts, the best one's tokens, and the source's tokens it attended to."""
    scores = [round(score, 4) for score in result.scores]
    details: dict[str, Any] = {"score": scores[0]} if scores else {}
    if len(result.texts) > 1:
        details |= {"texts": result.texts, "scores": scores}
    if result.best is not None:
        details |= token_details(task.tokenizer, result.best)
        if result.best.alignment is not None:
            details["source_tokens"] = task.source_names(result.read)
            details["alignment"] = result.best.alignment.argmax(-1).tolist()
    return details


def token_details(tokenizer: Any, hypothesis: Any) -> dict[str, Any]:
    """A text's tokens, the one that ended it among them, and the log-probability of each."""
    tokens = [*hypothesis.tokens, *([hypothesis.end] if hypothesis.ended else [])]
    logs = [round(value, 4) for value in hypothesis.log_probabilities[: len(tokens)]]
    return {"tokens": tokenizer.names(tokens), "log_probabilities": logs}
