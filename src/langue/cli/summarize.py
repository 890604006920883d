"""`langue summarize`: let a model tell texts in short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.cli.inputs import check_out, json_line
from langue.cli.options import Adapter, BoundOptions, Device, Flag, Json, Special, Weights, chosen, refuse_options
from langue.cli.rewriting import read_sources, rewrite_all
from langue.cli.searching import RewriteOptions
from langue.cli.status import OK
from langue.console import table
from langue.errors import LangueError

if TYPE_CHECKING:
    from langue.data import PairDataSettings


PROMPT = "\nTL;DR:"


def summarize(
    run: Path,
    /,
    *texts: str,
    file: Path | None = None,
    column: str = "text",
    out: Path | None = None,
    search: RewriteOptions = RewriteOptions(),  # noqa: B008 - it is frozen
    instruction: str | None = None,
    prompt: str = PROMPT,
    target_language: str | None = None,
    scores: Flag = False,
    reading: BoundOptions = BoundOptions(),  # noqa: B008 - it is frozen
    special: Special = False,
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Summarise texts, or a file line by line: one line out for each line in, in their order, empty ones too.

    A decoder that was trained to write is asked by a prompt after the text.

    Args:
        run: A run folder, or a model's folder with its tokenizer.
        texts: Texts to summarise.
        file: A text file with one more text on each line, or a table; its columns prefix and must say how a row's
            summary begins, and which words have to stand in it.
        column: Which column of a table holds the text.
        out: Write here instead of to the terminal.
        search: How to search.
        instruction: What stands before each text, such as "summarize: " for a T5; a run knows its own.
        prompt: What a decoder reads after the text (Radford et al. 2019, section 3.6).
        target_language: The language to write, for a model that knows several.
        scores: Of a table with a column summary, print ROUGE of the model beside that of a text's first sentence (lead)
            and of its best one (oracle), instead of the summaries. The bounds of what may be left out are for this
            alone.
        reading: Bounds of what may be left out.
        as_json: One JSON object for each text: text, summary, its log-probability as score, all texts and scores where
            samples are several, its tokens and the log-probability of each. With --scores one of all scores, and of how
            many rows were left out.
    """
    from langue.tasks import load
    from langue.tasks.folders import trained
    from langue.tasks.summarize.prompted import Prompted

    refuse_options({"column": column != "text" and file is None}, "rows of a table, and there is no --file")
    if scores:
        if texts:
            raise LangueError("--scores is for the rows of --file; leave out the texts behind RUN")
        refuse_options({"out": out is not None, "column": column != "text"}, "summaries, and --scores prints none")
    else:
        refuse_options(dict.fromkeys(chosen(reading), True), "--scores, which is not given")
    task: Any = load(run, device, task=("summarize", "generate"), adapter=adapter, weights=weights)
    options: dict[str, Any] = {"special": special}
    if task.name == "generate":
        if target_language is not None:
            raise LangueError("the model was trained to generate, and is told no language; leave out --target-language")
        task = Prompted(task, prompt, instruction or "")
    else:
        refuse_options({"prompt": prompt != PROMPT}, "decoders, and this model was trained to summarize")
        options["instruction"] = instruction
    if scores:
        from langue.evaluation.settings import reading_as, recipe_data

        data = recipe_data(trained(run, adapter), "summarize", reading_as(chosen(reading), "summarize"))
        if target_language is not None:
            data = data.replace(pairs={"tag": target_language})
        _score(task, run, file, data, {**chosen(search), **options}, as_json)
        return OK
    if target_language is not None:
        options["tags"] = (target_language,)
    check_out(out, file)
    return rewrite_all(task, read_sources(texts, file, column), search, out, as_json=as_json, **options)


def _score(
    task: Any, run: Path, file: Path | None, data: PairDataSettings, options: dict[str, Any], as_json: bool
) -> None:
    from langue.data import Tally
    from langue.evaluation.pairs import read_pairs_of
    from langue.metrics.scripts import one_language
    from langue.tasks.summarize.baselines import baselines

    if file is None:
        raise LangueError("--scores needs --file with a table of texts and summaries")
    tally = Tally()
    pairs = read_pairs_of(task, str(file), data, tally)
    answers = task.write(pairs, **options)
    summaries, languages = [pair.target for pair in pairs], task.languages_of(pairs)
    lead_and_oracle = baselines([pair.source for pair in pairs], summaries, one_language(languages))
    systems = {str(run): task.score(answers, summaries, languages), **lead_and_oracle}
    if as_json:
        counts = {"examples": len(pairs), "dropped": tally.dropped()}
        print(json_line({"data": str(file), **counts, "metrics": systems.pop(str(run)), "baselines": systems}))
        return
    names = list(systems[str(run)])
    rows = [[name, *(f"{100 * metrics[metric]:.2f}" for metric in names)] for name, metrics in systems.items()]
    table(f"{file}: {len(pairs):,} texts, F1 in %", ["", *(name.replace("_", " ") for name in names)], rows)
