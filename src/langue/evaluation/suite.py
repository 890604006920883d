"""Runs measured on all tasks of a suite, such as GLUE."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from langue.console import remark
from langue.data import TableDataSettings
from langue.data.benchmarks import submission_name
from langue.data.labelled import read_task
from langue.errors import LangueError
from langue.evaluation.supervised import on_benchmark, write_predictions
from langue.metrics.benchmarks import average, suite_parts
from langue.tasks import load
from langue.tasks.recipes import read_recipe

DIAGNOSTICS = {"glue/AX": "glue/MNLI", "superglue/AX-b": "superglue/RTE", "superglue/AX-g": "superglue/RTE"}
"""Sets without training data, and the task whose model is asked."""


def evaluate_suite(
    runs: Path | str,
    suite: str,
    data: str,
    *,
    split: str = "dev",
    predictions: Path | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure on all tasks of a suite for which there is a run.

    Args:
        runs: one run, or a folder with a run for each task.
        suite: "glue", "superglue" or "squad".
        data: the folder that holds the tasks' folders.
        split: "dev" or "test".
        predictions: a folder for submissions.
        device: cpu, cuda, ….

    Returns:
        `suite`, `data`, `tasks`: the metrics of each, `failed`: why others could not be measured, and `metrics`: their
        average as `score`, unless some failed: an average of fewer tasks is another one.

    Raises:
        LangueError: there is no run for any task of the suite, or none could be measured.
    """
    begun = time.perf_counter()
    by_task = _runs_by_benchmark(Path(runs), suite)
    tasks: dict[str, Any] = {}
    scores: dict[tuple[str, str], dict[str, float]] = {}
    failed: dict[str, str] = {}
    for name, part in suite_parts(suite, split):
        run = by_task.get(DIAGNOSTICS.get(name, name))
        if run is None or (name in DIAGNOSTICS and not _is_there(name, data, part)):
            continue
        shown = name if part == split else f"{name} ({part.removeprefix(f'{split}_')})"
        try:
            tasks[shown] = _on_part(run, name, part, data, predictions, device)
        except LangueError as error:
            failed[shown] = str(error)
            continue
        if metrics := tasks[shown]["metrics"]:
            scores[name, part] = metrics
    if not tasks:
        none = f"{runs} holds no run that was trained on a task of {suite}; train one: --data.benchmark of langue train"
        raise LangueError(next(iter(failed.values()), none))
    return {
        "task": "suite",
        "suite": suite,
        "data": data,
        "examples": sum(part["examples"] for part in tasks.values()),
        "tasks": tasks,
        "failed": failed,
        "metrics": {"score": average(scores)} if scores and not failed else {},
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _on_part(run: Path, name: str, part: str, data: str, predictions: Path | None, device: str) -> dict[str, Any]:
    """The metrics of a run on one part of a suite, whose answers are written to a folder of predictions."""
    metrics, answers, rows = on_benchmark(load(run, device), name, data, part)
    if predictions is not None:
        predictions.mkdir(parents=True, exist_ok=True)
        write_predictions(predictions / _file_name(name, part), name, rows, answers)
    return {"run": str(run), "examples": len(rows), "metrics": metrics}


def _is_there(name: str, data: str, split: str) -> bool:
    """True if a diagnostic set's files lie with the others, which need not be."""
    try:
        return bool(read_task(name, data, split))
    except LangueError:
        return False


def _file_name(name: str, part: str) -> str:
    try:
        return submission_name(name, part)
    except LangueError:  # leaderboards take test sets alone; dev predictions are for one's own eyes
        return f"{name.partition('/')[2]}-{part}.txt"


def _runs_by_benchmark(folder: Path, suite: str) -> dict[str, Path]:
    """The runs at a place or right below it, by the task of the suite that they were trained on."""
    runs: dict[str, Path] = {}
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    for place in places:
        if (place / "recipe.yaml").is_file() and (place / "model").is_dir():
            data = read_recipe(place / "recipe.yaml").data
            benchmark = data.benchmark if isinstance(data, TableDataSettings) else None
            if benchmark is None or not benchmark.startswith(f"{suite}/"):
                continue
            if benchmark in runs:
                remark(f"{place} is left aside: {runs[benchmark]} was trained on {benchmark} as well")
            else:
                runs[benchmark] = place
    return runs
