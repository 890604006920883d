"""A model that judges, when its training is over: how it answers rows that it has not learnt from."""

from __future__ import annotations

import torch

from langue.experiment.run import RunFolder
from langue.files import write_text
from langue.recipe import TableRecipe
from langue.report.judging import FILE, KEPT, JudgedRun
from langue.tasks import load
from langue.tasks.judging import JudgingTask
from langue.tasks.training_task import training_task


def write_judging(folder: RunFolder, device: torch.device) -> None:
    """Write `judging.json` of a run whose answers are labels, on its test rows or else its dev rows; nothing of another
    run, and of one whose held-out rows have no labels."""
    recipe = folder.recipe()
    if not isinstance(recipe, TableRecipe) or (recipe.data.dev is None and recipe.data.test is None):
        return
    task = load(folder.path, str(device))
    if not isinstance(task, JudgingTask):
        return
    read = training_task(recipe).read  # type: ignore[attr-defined]
    for split in ("test", "dev"):
        rows = [row for row in read(recipe.data, split) if recipe.data.benchmark is None or "label" in row.values]
        judged = task.judge(rows, recipe.training.precision) if rows else None
        if judged is not None and judged.judgements is not None:
            content = JudgedRun(
                measured_on=f"its {split} rows",
                rows=len(rows),
                metrics=task.metrics_of(judged),
                judging=judged.judgements.result(),
                mistakes=tuple(judged.mistakes[:KEPT]),
                wrong=len(judged.mistakes),
            )
            write_text(folder.path / FILE, content.model_dump_json(indent=1) + "\n")
            return
