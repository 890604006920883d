"""`langue summarize`: let a model tell texts in short."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task
from langue.cli.rewriting import read_texts, rewrite_all


def summarize(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    out: Path | None = None,
    beams: int = 4,
    length_penalty: float = 1.0,
    samples: int = 1,
    max_tokens: int | None = None,
    prompt: str = "\nTL;DR:",
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Summarise texts, or a file line by line: one line out for each line in, in their order, empty ones too.

    A decoder that was trained to write is asked by a prompt after the text.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    texts
        Texts to summarise.
    file
        A text file with one more text on each line, or a table with a column text.
    out
        Write here instead of to the terminal.
    beams
        Hypotheses that are followed at once.
    length_penalty
        Above 1 favours long summaries.
    samples
        Summaries of each text, the best of its beams; shown with --json.
    max_tokens
        Tokens of a summary at most.
    prompt
        What a decoder reads after the text (Radford et al. 2019, section 3.6).
    device
        cpu, cuda, …
    as_json
        One JSON object for each text: text, summary, its log-probability as score.
    """
    from langue.tasks import load
    from langue.tasks.prompted import Prompted

    task = load(run, device)
    if task.name == "generate":
        task = Prompted(task, prompt)
    else:
        check_task(task, "summarize")
    options: dict[str, Any] = {"beams": beams, "length_penalty": length_penalty, "samples": samples}
    if max_tokens is not None:
        options["max_tokens"] = max_tokens
    rewrite_all(task, read_texts(texts, file, "text"), out, as_json=as_json, **options)
