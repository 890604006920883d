"""A student beside its teacher, when the training is over: how good and how fast both are on the same rows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from langue.console import remark
from langue.errors import LangueError
from langue.evaluation.cost import BRIEFLY
from langue.experiment.card import base_name
from langue.experiment.cost import cost_between
from langue.experiment.run import RunFolder
from langue.files import write_text
from langue.metrics.significance import bootstrap, paired_bootstrap
from langue.models import Model
from langue.report import write_cost
from langue.report.teacher import TEACHER
from langue.tasks import load
from langue.tasks.distill.settings import DistillSettings, TaughtRecipe
from langue.tasks.distill.training import Standing, TaughtTraining, load_teacher

WARM_UP = 4
"""Rows before the clock runs."""


def compare_with_teacher(folder: RunFolder, open_task: Callable[[], Any], device: str) -> None:
    """Write `teacher.json` of a run that learnt from a teacher and has data to measure by; once.

    A teacher that is no longer there, or a library that is not, is told and keeps nobody from his model.

    Args:
        folder: of the run.
        open_task: gives its training task with all data, which is read for such a run alone.
        device: where both are loaded.
    """
    recipe = folder.recipe()
    settings = recipe.distill if isinstance(recipe, TaughtRecipe) else None
    if settings is None or settings.rows == 0 or (folder.path / TEACHER).exists():
        return
    task = open_task()
    try:
        student, teacher = (
            load(folder.path, device, task=task.recipe.task),
            load_teacher(settings, task.recipe.task, device),
        )
        measured = _measured(task, student, teacher, settings.rows)
    except LangueError as error:
        remark(f"not compared with the teacher: {error}")
        return
    if measured is not None:
        content = {"teacher_name": base_name(settings.teacher), **measured}
        write_text(folder.path / TEACHER, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        _write_cost(folder, settings, device)


def _write_cost(folder: RunFolder, settings: DistillSettings, device: str) -> None:
    """Write the page of what the student is beside its teacher: loss, size and speed."""
    try:
        cost = cost_between(
            settings.teacher,
            folder.path,
            steps=[f"learning {settings.what}"],
            run=folder.path,
            device=device,
            seconds=BRIEFLY,
        )
    except LangueError as error:
        remark(f"what it cost to learn from the teacher was not measured: {error}")
        return
    if note := write_cost(cost, folder.path, folder.path.absolute().name):
        remark(note)


def _measured(task: TaughtTraining, student: Any, teacher: Any, rows: int) -> dict[str, Any] | None:
    """The standing of both on the same rows, and their time; None where there are no data, or they have other units."""
    if not (task.has_dev or task.recipe.data.test) or not task.can_be_compared(teacher):
        return None
    (own, own_seconds), (theirs, seconds) = _timed(task, student, rows), _timed(task, teacher, rows)
    difference = paired_bootstrap(theirs.counts, own.counts, own.score)
    return {
        "metric": own.metric,
        "split": "test" if task.recipe.data.test else "dev",
        "rows": len(own.counts),
        "unit": own.unit,
        "teacher": vars(bootstrap(theirs.counts, theirs.score)),
        "student": vars(bootstrap(own.counts, own.score)),
        "difference": {"score": difference.difference, "low": difference.low, "high": difference.high},
        "teacher_parameters": _parameters(teacher.model),
        "student_parameters": _parameters(student.model),
        "teacher_seconds": seconds,
        "student_seconds": own_seconds,
    }


def _timed(task: TaughtTraining, model: Any, rows: int) -> tuple[Standing, float]:
    task.judged(model, WARM_UP)
    begun = time.perf_counter()
    judged = task.judged(model, rows)
    return judged, time.perf_counter() - begun


def _parameters(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
