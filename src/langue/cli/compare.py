"""`langue compare`: which of two models writes better, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from langue.cli.inputs import json_line
from langue.console import table

if TYPE_CHECKING:
    from langue.data import PairDataSettings, TableDataSettings, Tally


def compare(
    first: Path,
    second: Path,
    /,
    *,
    data: str,
    samples: int = 1000,
    beams: int = 4,
    max_line_bytes: int | None = None,
    max_dropped: float | None = None,
    language: str | None = None,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Let two models that translate, summarise or transcribe write on the same data, and test how their scores differ.

    p is how likely a difference at least as large would be if the models were equally good: sentences' outputs change
    places by a coin (approximate randomisation, Riezler & Maxwell 2005).

    Parameters
    ----------
    first
        A run folder, or a model's folder with its tokenizer.
    second
        The one to compare with it.
    data
        Pairs of texts, or recordings and what is said in them, as they were trained on.
    samples
        Shuffles of the test.
    beams
        Hypotheses that are followed at once.
    max_line_bytes
        Longer lines are left out, and of recordings refused; a MiB, or as in training.
    max_dropped
        The share of records, or of their bytes, that may be left out for their faults; 0.05, or as in training.
    language
        Code of the language that they write, which decides how BLEU, TER and ROUGE split it; by default as the recipe
        or tags of FIRST say, or by the script of what people wrote.
    device
        cpu, cuda, …
    as_json
        Print one JSON object, with counts of what was left out under dropped.
    """
    from langue.data import Tally
    from langue.evaluation.pairs import compare as compare_tasks
    from langue.evaluation.run import reading_as, recipe_data
    from langue.tasks import load

    tasks = [load(run, device) for run in (first, second)]
    for task in tasks:
        _check(task)
    reading, tally = recipe_data(first, tasks[0].name, reading_as(max_line_bytes, max_dropped, "compare")), Tally()
    compared = (_spoken if tasks[0].name == "transcribe" else _written)(tasks[0], data, reading, tally, beams)
    expected, languages = compared.expected, language or compared.languages
    found, signatures = compare_tasks(
        tasks[0], tasks[1], expected, samples=samples, write=compared.write, languages=languages
    )
    if as_json:
        metrics = {name: asdict(difference) for name, difference in found.items()}
        counts = {"examples": len(expected), "dropped": tally.dropped()}
        print(json_line({"data": data, **counts, "metrics": metrics, "signatures": signatures}))
        return
    rows = [
        [
            name.replace("_", " "),
            f"{each.first:.4f}",
            f"{each.second:.4f}",
            f"{each.difference:+.4f}",
            f"{each.low:+.4f} … {each.high:+.4f}",
            f"{each.p:.4f}",
        ]
        for name, each in found.items()
    ]
    columns = ["metric", str(first), str(second), "difference", "95 % within", "p"]
    table(f"{data}: {len(expected):,} pairs", columns, rows)
    for name, signature in signatures.items():
        print(f"{name}: {signature}")


class _Compared(NamedTuple):
    """What people wrote, what makes a model write of the same, and the languages, where they are known."""

    expected: list[str]
    write: Callable[[Any], list[str]]
    languages: Any = None


def _written(task: Any, data: str, reading: PairDataSettings, tally: Tally, beams: int) -> _Compared:
    """Of texts."""
    from langue.evaluation.pairs import read_pairs_of

    pairs = read_pairs_of(task, data, reading, tally)
    expected = [pair.target for pair in pairs]
    return _Compared(expected, lambda task: task.write(pairs, beams=beams), task.languages_of(pairs))


def _spoken(task: Any, data: str, reading: TableDataSettings, tally: Tally, beams: int) -> _Compared:
    """Of recordings."""
    from langue.data.labelled import read_labelled, text_of
    from langue.data.recordings import recording_of

    rows = list(read_labelled(data, reading, tally))
    sounds = [recording_of(row, task.settings.truncated).read() for row in rows]
    expected = [text_of(row, "text") for row in rows]
    return _Compared(expected, lambda task: [each.text for each in task.hear(sounds, beams=beams)])


def _check(task: Any) -> None:
    from langue.errors import LangueError
    from langue.evaluation.pairs import COMPARED

    if task.name not in COMPARED:
        raise LangueError(
            f"models that {' or '.join(COMPARED)} can be compared, and one of these was trained to {task.name}"
        )
