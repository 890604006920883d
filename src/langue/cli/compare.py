"""`langue compare`: which of two models writes better, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from langue.cli.inputs import json_line
from langue.cli.options import Device, Json, TableOptions, chosen
from langue.console import table
from langue.errors import either

if TYPE_CHECKING:
    from langue.data import PairDataSettings, TableDataSettings, Tally
    from langue.metrics.significance import Difference


def compare(
    first: Path,
    second: Path,
    /,
    *,
    data: str,
    samples: int = 1000,
    beams: int = 4,
    reading: TableOptions = TableOptions(),  # noqa: B008 - it is frozen
    language: str | None = None,
    adapter: Annotated[
        Path | None,
        Parameter(
            help="The adapters that SECOND is used with: a run that trained some, or a folder of PEFT's; FIRST may be "
            "their base."
        ),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Let two models that translate, summarise or transcribe write on the same data, and test how their scores differ.

    p is how likely a difference at least as large would be if the models were equally good: sentences' outputs change
    places by a coin (approximate randomisation, Riezler & Maxwell 2005).

    Args:
        first: A run folder, or a model's folder with its tokenizer.
        second: The one to compare with it.
        data: Pairs of texts, or recordings and what is said in them, as they were trained on.
        samples: Shuffles of the test.
        beams: Hypotheses that are followed at once.
        reading: Names of columns, and bounds of what may be left out.
        language: Code of the language that they write, which decides how BLEU, TER and ROUGE split it; by default as
            the recipe or tags of FIRST say, or by the script of what people wrote.
        as_json: Print one JSON object, with counts of what was left out under dropped.
    """
    from langue.data import Tally
    from langue.evaluation.pairs import compare as compare_tasks
    from langue.evaluation.settings import check_options, reading_as, recipe_data
    from langue.metrics.languages import check_language
    from langue.tasks import load

    if language is not None:
        check_language(language)
    tasks = [load(first, device), load(second, device, adapter=adapter)]
    for task in tasks:
        _check(task)
        check_options(task, data, [] if language is None else ["language"])
    settings, tally = recipe_data(first, tasks[0].name, reading_as(chosen(reading), "compare")), Tally()
    references = (_pairs if tasks[0].measured_on == "pairs" else _recordings)(tasks[0], data, settings, tally, beams)
    expected, languages = references.expected, language or references.languages
    differences, signatures = compare_tasks(
        tasks[0], tasks[1], expected, samples=samples, write=references.write, languages=languages
    )
    if as_json:
        metrics = {name: asdict(difference) for name, difference in differences.items()}
        counts = {"examples": len(expected), "dropped": tally.dropped()}
        print(json_line({"data": data, **counts, "metrics": metrics, "signatures": signatures}))
        return
    columns = ["metric", str(first), str(second), "difference", "95 % within", "p"]
    table(f"{data}: {len(expected):,} pairs", columns, [_row(*item) for item in differences.items()])
    for name, signature in signatures.items():
        print(f"{name}: {signature}")


def _row(name: str, tested: Difference) -> list[str]:
    interval = f"{tested.low:+.4f} … {tested.high:+.4f}"
    scores = [f"{tested.first:.4f}", f"{tested.second:.4f}", f"{tested.difference:+.4f}"]
    return [name.replace("_", " "), *scores, interval, f"{tested.p:.4f}"]


class _References(NamedTuple):
    """The texts that people wrote, a model's texts for the same inputs, and the languages, where they are known."""

    expected: list[str]
    write: Callable[[Any], list[str]]
    languages: Any = None


def _pairs(task: Any, data: str, settings: PairDataSettings, tally: Tally, beams: int) -> _References:
    from langue.evaluation.pairs import read_pairs_of

    pairs = read_pairs_of(task, data, settings, tally)
    expected = [pair.target for pair in pairs]
    return _References(expected, lambda task: task.write(pairs, beams=beams), task.languages_of(pairs))


def _recordings(task: Any, data: str, settings: TableDataSettings, tally: Tally, beams: int) -> _References:
    from langue.data.labelled import read_labelled, text_of
    from langue.data.recordings import recording_of

    rows = list(read_labelled(data, settings, tally))
    sounds = [recording_of(row, task.settings.truncated).read() for row in rows]
    expected = [text_of(row, "text") for row in rows]
    return _References(expected, lambda task: [transcript.text for transcript in task.hear(sounds, beams=beams)])


def _check(task: Any) -> None:
    from langue.errors import LangueError
    from langue.tasks import task_class
    from langue.tasks.references import ReferenceTask
    from langue.tasks.table import USES

    if not isinstance(task, ReferenceTask):
        names = [name for name in USES if issubclass(task_class(name), ReferenceTask)]
        raise LangueError(f"models that {either(names)} can be compared, and one of these was trained to {task.name}")
