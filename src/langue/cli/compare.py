"""`langue compare`: which of two models writes better, and whether that is more than luck."""

from __future__ import annotations

import json
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
    """Let two translators or two summarisers write on the same texts, and test the difference of their scores.

    p is how likely a difference at least as large would be if the models were equally good: sentences' outputs change
    places by a coin (approximate randomisation, Riezler & Maxwell 2005).

    Parameters
    ----------
    first
        A run folder, or a model's folder with its tokenizer.
    second
        The one to compare with it.
    data
        Pairs of texts, as they were trained on.
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
    from langue.evaluate.pairs import read_pairs_of
    from langue.evaluate.run import recipe_data
    from langue.tasks import load

    tasks = [load(run, device) for run in (first, second)]
    for task in tasks:
        _check(task)
    pairs = read_pairs_of(tasks[0], data, recipe_data(first))

    def write(task: Any) -> list[str]:
        return task.write(pairs, beams=beams)

    found = compare_tasks(tasks[0], tasks[1], pairs, samples=samples, write=write)
    if as_json:
        metrics = {name: asdict(difference) for name, difference in found.items()}
        print(json.dumps({"data": data, "examples": len(pairs), "metrics": metrics}))
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
    table(f"{data}: {len(pairs):,} pairs", columns, rows)


def _check(task: Any) -> None:
    from langue.errors import LangueError
    from langue.evaluate.pairs import PAIR_TASKS

    if task.name not in PAIR_TASKS:
        raise LangueError(
            f"models that {' or '.join(PAIR_TASKS)} can be compared, and one of these was trained to {task.name}"
        )
