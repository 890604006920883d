"""Fine-tuning on SQuAD beside Transformers' Trainer, by the rules of `fine_tuning`; one training takes many minutes."""

from __future__ import annotations

from benchmarks.fine_tuning import race
from benchmarks.harness import Options, Result

TASKS = {"squad/1.1": {"folder": "squad", "epochs": 0.3, "batch_size": 16, "learning_rate": 2e-4, "rounds": 1}}


def run(options: Options) -> Result:
    """One seed, unless more rounds are asked for."""
    return {**race(options, TASKS), "title": "Fine-tuning on SQuAD"}
