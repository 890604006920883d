"""`langue translate`: let a model translate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from langue.cli.inputs import check_task
from langue.cli.rewriting import read_texts, rewrite_all


def translate(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    out: Path | None = None,
    target_language: str | None = None,
    beams: int = 4,
    length_penalty: float = 1.0,
    samples: int = 1,
    max_tokens: int | None = None,
    long: Literal["split", "cut"] = "split",
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Translate texts, or a file line by line: one line out for each line in, in their order, empty ones too.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    texts
        Texts to translate.
    file
        A text file with one more text on each line, or a table with a column source.
    out
        Write here instead of to the terminal.
    target_language
        The language to translate into, for a model that knows several.
    beams
        Hypotheses that are followed at once; 1 takes the likeliest token each time, four times as fast.
    length_penalty
        Above 1 favours long translations.
    samples
        Translations of each text, the best of its beams; shown with --json.
    max_tokens
        Tokens of a translation at most; about half as many again as the text has unless given.
    long
        What becomes of texts that the model has no room for: split between sentences, or cut.
    device
        cpu, cuda, …
    as_json
        One JSON object for each text: source, target, its log-probability as score.
    """
    from langue.tasks import load

    task = load(run, device)
    check_task(task, "translate")
    given = read_texts(texts, file, "source")
    options: dict[str, Any] = {"beams": beams, "length_penalty": length_penalty, "samples": samples, "long": long}
    if max_tokens is not None:
        options["max_tokens"] = max_tokens
    if target_language is not None:
        options["tags"] = (target_language,)
    rewrite_all(task, given, out, as_json=as_json, **options)
