"""`langue compare`: which of two models writes better, and whether that is more than luck."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.console import table


def compare(
    first: Path,
    second: Path,
    /,
    *,
    data: str,
    samples: int = 1000,
    beams: int = 4,
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
    device
        cpu, cuda, …
    as_json
        Print one JSON object.
    """
    from langue.evaluate.pairs import compare as compare_tasks
    from langue.tasks import load

    tasks = [load(run, device) for run in (first, second)]
    for task in tasks:
        _check(task)
    expected, write = (_spoken if tasks[0].name == "transcribe" else _written)(tasks[0], data, first, beams)
    found = compare_tasks(tasks[0], tasks[1], expected, samples=samples, write=write)
    if as_json:
        metrics = {name: asdict(difference) for name, difference in found.items()}
        print(json.dumps({"data": data, "examples": len(expected), "metrics": metrics}))
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


def _written(task: Any, data: str, run: Path, beams: int) -> tuple[list[str], Callable[[Any], list[str]]]:
    """What people wrote of texts, and what makes a model write of them."""
    from langue.evaluate.pairs import read_pairs_of
    from langue.evaluate.run import recipe_data

    pairs = read_pairs_of(task, data, recipe_data(run))
    return [pair.target for pair in pairs], lambda task: task.write(pairs, beams=beams)


def _spoken(task: Any, data: str, run: Path, beams: int) -> tuple[list[str], Callable[[Any], list[str]]]:
    """What is said in recordings, and what makes a model write it down."""
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled, text_of
    from langue.data.recordings import recording_of
    from langue.evaluate.run import recipe_data

    rows = list(read_labelled(data, DataSettings(train="", columns=recipe_data(run).columns)))
    sounds = [recording_of(row, task.settings.truncated).read() for row in rows]
    return [text_of(row, "text") for row in rows], lambda task: [each.text for each in task.hear(sounds, beams=beams)]


def _check(task: Any) -> None:
    from langue.errors import LangueError
    from langue.evaluate.pairs import COMPARED

    if task.name not in COMPARED:
        raise LangueError(
            f"models that {' or '.join(COMPARED)} can be compared, and one of these was trained to {task.name}"
        )
