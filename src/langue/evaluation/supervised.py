"""A model measured on labelled rows: a table's, or a benchmark's by its own scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langue.data import TableDataSettings, Tally
from langue.data.benchmarks import find_benchmark, write_submission
from langue.data.labelled import HUB, Labelled, read_labelled, read_task
from langue.errors import LangueError
from langue.evaluation.measurement import MeasureSettings
from langue.evaluation.settings import recipe_data, refuse_split
from langue.files import write_text
from langue.metrics.benchmarks import score
from langue.tasks.judging import JudgedRows, JudgingTask
from langue.tasks.references import ReferenceTask


def evaluate_rows(task: Any, data: Any, settings: MeasureSettings, run: Path | str | None) -> dict[str, Any]:
    """Counts and metrics of labelled rows, and all that can be said of answers that are right or wrong.

    Args:
        task: what answers them.
        data: the rows, or the folder of a benchmark's files.
        settings: of which benchmark is by default the one that the run was trained on, of a folder.
        run: the run that says how rows are read.
    """
    recipe: TableDataSettings = recipe_data(run, task.name, settings.reading)
    its_own = isinstance(data, str) and (Path(data).is_dir() or data in (HUB, recipe.folder))
    name = settings.benchmark or (recipe.benchmark if its_own else None)
    tally = Tally()
    if name is not None:
        metrics, answers, rows = on_benchmark(task, name, data, settings.split or "dev")
        judged = judged_rows(task, [row for row in rows if "label" in row.values])
    else:
        refuse_split(settings.split, data)
        # The layout of SQuAD has names of its own.
        own_names = isinstance(data, str) and data.endswith(".json") and settings.columns is None
        rows = list(read_labelled(data, recipe.replace(columns={}) if own_names else recipe, tally))
        judged = judged_rows(task, rows)
        metrics, answers = task.evaluate(rows) if judged is None else (task.metrics_of(judged), judged.answers)
    if settings.predictions is not None:
        write_predictions(settings.predictions, name, rows, answers)
    return {
        "examples": len(rows),
        "rows": len(rows),
        "dropped": tally.dropped(),
        "metrics": metrics,
        **_intervals(task, answers, rows),
        **_judging(judged, settings.precision, settings.mistakes),
    }


def judged_rows(task: Any, rows: Sequence[Labelled]) -> JudgedRows | None:
    """A model's answers to labelled rows with all that can be said of them; None of tasks that judge nothing, and where
    there are no rows."""
    return task.judge(rows) if rows and isinstance(task, JudgingTask) else None


def _judging(judged: JudgedRows | None, precision: float | None, mistakes: bool) -> dict[str, Any]:
    """All that can be said of answers beside their metrics.

    Raises:
        LangueError: it is asked for, and they are numbers, or nobody knows the right ones.
    """
    if judged is None or judged.judgements is None:
        if precision is not None or mistakes:
            raise LangueError("--precision and --mistakes are for answers that are right or wrong, and here none are")
        return {}
    result = judged.judgements.result(precision).model_dump()
    return result | ({"mistakes": judged.mistakes} if mistakes else {})


def _intervals(task: Any, answers: Sequence[Any], rows: Sequence[Labelled]) -> dict[str, Any]:
    if not isinstance(task, ReferenceTask):
        return {}
    return {"intervals": task.statistics(answers, [str(row.values["text"]) for row in rows]).intervals()}


def on_benchmark(task: Any, name: str, folder: str, split: str) -> tuple[dict[str, float], list[Any], list[Labelled]]:
    """A benchmark's own scores; none for a test split, whose truth the leaderboard keeps."""
    rows = read_task(name, str(folder), split)
    kind = "answer" if find_benchmark(name).kind == "answer" else "classify"
    if task.name != kind:
        raise LangueError(f"{name} is for models trained to {kind}, and this one was trained to {task.name}")
    answers = answers_to(task, rows)
    scores = {} if split.startswith("test") else score(name, answers, [row.values for row in rows])
    return scores, answers, rows


def answers_to(task: Any, rows: Sequence[Labelled]) -> list[Any]:
    """A model's answers to rows, labelled or not."""
    if task.name == "answer":
        return [spans[0].text for spans in task.find(rows)]
    return task.predict([row.values for row in rows])


def write_predictions(path: Path, benchmark: str | None, rows: Sequence[Labelled], answers: Sequence[Any]) -> None:
    """A benchmark's submission; otherwise one JSON object a line with the row's answer."""
    if benchmark is not None:
        write_submission(benchmark, [row.values for row in rows], answers, path)
        return
    lines = [json.dumps({"prediction": answer}, ensure_ascii=False) + "\n" for answer in answers]
    write_text(path, "".join(lines))
