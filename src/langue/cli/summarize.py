"""`langue summarize`: let a model tell texts in short."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task
from langue.cli.rewriting import read_asked, rewrite_all
from langue.cli.searching import RewriteOptions
from langue.cli.status import OK
from langue.console import table


def summarize(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    out: Path | None = None,
    search: RewriteOptions = RewriteOptions(),  # noqa: B008 - it is frozen
    instruction: str | None = None,
    prompt: str = "\nTL;DR:",
    scores: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Summarise texts, or a file line by line: one line out for each line in, in their order, empty ones too.

    A decoder that was trained to write is asked by a prompt after the text.

    Parameters
    ----------
    run
        A run folder, or a model's folder with its tokenizer.
    texts
        Texts to summarise.
    file
        A text file with one more text on each line, or a table with a column text; its columns prefix and must say
        how a row's summary begins, and which words have to stand in it.
    out
        Write here instead of to the terminal.
    search
        How to search.
    instruction
        What stands before each text, such as "summarize: " for a T5; a run knows its own.
    prompt
        What a decoder reads after the text (Radford et al. 2019, section 3.6).
    scores
        Of a table with a column summary, print ROUGE of the model beside that of a text's first sentence (lead) and
        of its best one (oracle), instead of the summaries.
    device
        cpu, cuda, …
    as_json
        One JSON object for each text: text, summary, its log-probability as score, all texts and scores where samples
        are several, its tokens and the log-probability of each.
    """
    from langue.tasks import load
    from langue.tasks.prompted import Prompted

    task = load(run, device, "summarize")
    options: dict[str, Any] = {}
    if task.name == "generate":
        task = Prompted(task, prompt, instruction or "")
    else:
        check_task(task, "summarize", run)
        options["instruction"] = instruction
    if scores:
        _score(task, run, file, {**search.given(), **options})
        return OK
    return rewrite_all(task, read_asked(texts, file, "text"), search, out, as_json=as_json, **options)


def _score(task: Any, run: Path, file: Path | None, options: dict[str, Any]) -> None:
    from langue.errors import LangueError
    from langue.evaluate.pairs import baselines, read_pairs_of
    from langue.evaluate.run import recipe_data
    from langue.metrics.scripts import one_language

    if file is None:
        raise LangueError("--scores needs --file with a table of texts and summaries")
    pairs = read_pairs_of(task, str(file), recipe_data(run))
    answers = task.write(pairs, **options)
    summaries, languages = [pair.target for pair in pairs], task.languages_of(pairs)
    lead_and_oracle = baselines([pair.source for pair in pairs], summaries, one_language(languages))
    found = {str(run): task.score(answers, summaries, languages), **lead_and_oracle}
    names = list(found[str(run)])
    rows = [[name, *(f"{100 * each[metric]:.2f}" for metric in names)] for name, each in found.items()]
    table(f"{file}: {len(pairs):,} texts, F1 in %", ["", *(name.replace("_", " ") for name in names)], rows)
