"""Several seeds: the same training from other beginnings and in other orders, and how far the results lie apart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.experiment.run import Run, RunFolder
from langue.experiment.training import train
from langue.files import write_text
from langue.recipe import Recipe

RESULT = "seeds.json"


@dataclass(frozen=True)
class SeedsResult:
    """The results of all seeds.

    Attributes:
        runs: one for each.
        seeds: their seeds.
    """

    runs: Sequence[Run]
    seeds: Sequence[int]

    @property
    def metrics(self) -> dict[str, tuple[float, float | None]]:
        """Mean and standard deviation (over n − 1) of each metric that all runs have, but for interrupted ones."""
        runs = [run for run in self.runs if not run.interrupted]
        names = [name for name in runs[0].metrics if all(name in run.metrics for run in runs)] if runs else []
        return {name: mean_and_deviation([run.metrics[name] for run in runs]) for name in names}

    def summary(self) -> dict[str, Any]:
        """The same for a script to read."""
        spread: Mapping[str, Any] = {
            name: {"mean": mean, "deviation": deviation} for name, (mean, deviation) in self.metrics.items()
        }
        return {"seeds": list(self.seeds), "metrics": spread, "runs": [run.summary() for run in self.runs]}


def train_seeds(
    recipe: Recipe, out: Path, count: int, *, start_from: Path | None = None, report: bool = True
) -> SeedsResult:
    """Train with `count` seeds, from the recipe's on, in `out/seed-N`; those that are done or begun are gone on with.

    A signal to a training ends the whole, whose runs so far are returned.

    Raises:
        LangueError: whatever is wrong with recipe, data or folder.
    """
    if count < 1:
        raise LangueError(f"--seeds must be at least 1, not {count}")
    begun = any(RunFolder(folder).is_run() for folder in out.glob("seed-*"))
    if (out / RESULT).exists() and not begun:
        raise LangueError(f"{out} holds a {RESULT} that is no training's; choose another --out")
    runs, seeds = [], []
    for seed in range(recipe.training.seed, recipe.training.seed + count):
        size = runs[0].folder.recipe().training.rows if runs else recipe.training.batch_size
        member = recipe.replace(training={"seed": seed, "batch_size": size})
        folder = out / f"seed-{seed}"
        begun = RunFolder(folder).is_run()
        runs.append(train(member, folder, start_from=start_from, resume=begun, report=report))
        seeds.append(seed)
        if runs[-1].signal is not None:
            break
    result = SeedsResult(runs, seeds)
    write_text(out / RESULT, json.dumps(result.summary(), indent=1) + "\n")
    return result


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation, which nobody knows of one value."""
    mean = sum(values) / len(values)
    square = sum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(square / (len(values) - 1)) if len(values) > 1 else None
