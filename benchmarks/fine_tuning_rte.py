"""Fine-tuning on RTE beside Transformers' Trainer, by the rules of `fine_tuning` and at the Trainer's own defaults."""

from __future__ import annotations

from benchmarks.fine_tuning import race
from benchmarks.harness import Options, Result

TASKS = {"glue/RTE": {"folder": "glue/RTE", "epochs": 3, "batch_size": 8, "learning_rate": 5e-5, "rounds": 3}}


def run(options: Options) -> Result:
    """Three seeds, unless other rounds are asked for."""
    return {**race(options, TASKS), "title": "Fine-tuning on RTE"}
