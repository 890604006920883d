"""`langue translate`: let a model translate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from langue.cli.inputs import check_out
from langue.cli.options import Adapter, Device, Json, Special, refuse_options
from langue.cli.rewriting import read_sources, rewrite_all
from langue.cli.searching import RewriteOptions


def translate(
    run: Path,
    /,
    *texts: str,
    file: Path | None = None,
    column: str = "source",
    out: Path | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    ensemble: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    mean: Literal["probability", "logarithm"] = "probability",
    search: RewriteOptions = RewriteOptions(),  # noqa: B008 - it is frozen
    long: Literal["split", "cut"] = "split",
    instruction: str | None = None,
    special: Special = False,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Translate texts, or a file line by line: one line out for each line in, in their order, empty ones too.

    Args:
        run: A run folder, or a model's folder with its tokenizer.
        texts: Texts to translate.
        file: A text file with one more text on each line, or a table; its columns prefix and must say how a row's
            text begins, and which words have to stand in it.
        column: Which column of a table holds the text.
        out: Write here instead of to the terminal.
        source_language: The language to translate from, for a model that is told it, such as eng_Latn of NLLB or en
            of M2M-100.
        target_language: The language to translate into, for a model that knows several.
        ensemble: Another run with the same tokenizer, whose probabilities are averaged with those of RUN; may be given
            several times.
        mean: Of an ensemble: average probabilities, or their logarithms.
        search: How to search.
        long: What becomes of texts that the model has no room for: split between sentences, or cut.
        instruction: What stands before each text, such as "translate English to German: " for a T5; a run knows its
            own.
        as_json: One JSON object for each text: source, target, its log-probability as score, all texts and scores where
            samples are several, its tokens and the log-probability of each.
    """
    from langue.tasks import load

    refuse_options({"column": column != "source" and file is None}, "rows of a table, and there is no --file")
    refuse_options({"mean": mean != "probability" and not ensemble}, "several models, and there is no --ensemble")
    task = load(run, device, task="translate", adapter=adapter)
    if ensemble:
        task.join([load(other, device, task="translate") for other in ensemble])
    options: dict[str, Any] = {"long": long, "ensemble": mean, "instruction": instruction, "special": special}
    if source_language is not None:
        options["source_language"] = source_language
    if target_language is not None:
        options["tags"] = (target_language,)
    check_out(out, file)
    return rewrite_all(task, read_sources(texts, file, column), search, out, as_json=as_json, **options)
