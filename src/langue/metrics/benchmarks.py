"""Scores of GLUE, SuperGLUE and SQuAD, as the benchmarks define them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langue.data.benchmarks import BENCHMARKS, Benchmark, find_benchmark
from langue.errors import LangueError
from langue.metrics import classification, regression
from langue.metrics.answers import multirc, record, squad_v1, squad_v2

Rows = Sequence[Mapping[str, Any]]
Part = tuple[str, str]
"""A task's name and one of its splits."""

NOT_AVERAGED = ("glue/AX", "superglue/AX-b", "superglue/AX-g")
"""Diagnostic sets, which the leaderboards show beside the average."""


def score(name: str, predictions: Sequence[Any], rows: Rows) -> dict[str, float]:
    """A task's own scores, as fractions of 1 under the benchmark's `metrics` names.

    Args:
        name: such as "glue/CoLA".
        predictions: one for each row: a label's name, a number, a choice's index, or an answer ("" for none).
        rows: from `read_benchmark`, with their labels or answers.

    Returns:
        The scores. For squad/2.0 those over questions with and without answer as well (`has_answer_f1`, …).

    Raises:
        LangueError: not one prediction for each row, no rows, or rows without labels.
    """
    benchmark = find_benchmark(name)
    needed = "answers" if _scorer(benchmark) in (_answers, _record) else "label"
    for row in rows:
        if needed not in row:
            raise LangueError(
                f"{name}: row {row['index']} has no {needed} to score against; test files do not tell them"
            )
    return _scorer(benchmark)(benchmark, predictions, rows)


def task_score(name: str, scores: Mapping[str, float]) -> float:
    """One number for a task: the plain mean of its metrics, which is the leaderboards' rule where there are two."""
    names = find_benchmark(name).metrics
    return sum(scores[metric] for metric in names) / len(names)


def suite_parts(suite: str, split: str = "dev") -> list[Part]:
    """The tasks of a suite that have the split, MNLI twice; those outside the average too.

    Raises:
        LangueError: there is no such suite.
    """
    tasks = [benchmark for benchmark in BENCHMARKS.values() if benchmark.suite == suite]
    if not tasks:
        known = ", ".join(dict.fromkeys(benchmark.suite for benchmark in BENCHMARKS.values()))
        raise LangueError(f"there is no suite {suite}; known: {known}")
    return [(task.name, part) for task in tasks for part in (split, f"{split}_mismatched") if part in task.splits]


def average(scores: Mapping[Part, Mapping[str, float]]) -> float:
    """A suite's number: the mean over tasks of the mean over a task's metrics, MNLI's two halves being one task.

    Over the tasks that are given, without the diagnostic sets.

    Args:
        scores: what `score` gave for each part.

    Raises:
        LangueError: none of the parts counts.
    """
    tasks: dict[str, list[float]] = {}
    for (name, _), values in scores.items():
        if name not in NOT_AVERAGED:
            tasks.setdefault(name, []).append(task_score(name, values))
    if not tasks:
        raise LangueError("there is no task to average over")
    return sum(sum(parts) / len(parts) for parts in tasks.values()) / len(tasks)


def _labels(benchmark: Benchmark, predictions: Sequence[Any], rows: Rows) -> dict[str, float]:
    expected = [row["label"] for row in rows]
    computed: dict[str, Callable[[], float]] = {
        "accuracy": lambda: classification.accuracy(predictions, expected),
        "matthews": lambda: classification.matthews(predictions, expected),
        # Of two classes the second is the one to be found; CB's three count alike.
        "f1": lambda: (
            classification.f1(predictions, expected, benchmark.labels[1])
            if len(benchmark.labels) == 2
            else classification.f1_macro(predictions, expected)
        ),
        "pearson": lambda: regression.pearson(predictions, expected),
        "spearman": lambda: regression.spearman(predictions, expected),
    }
    return {name: computed[name]() for name in benchmark.metrics}


def _multirc(benchmark: Benchmark, predictions: Sequence[Any], rows: Rows) -> dict[str, float]:
    expected, groups = [row["label"] for row in rows], [row["group"] for row in rows]
    return multirc(predictions, expected, groups, benchmark.labels[1])


def _record(benchmark: Benchmark, predictions: Sequence[Any], rows: Rows) -> dict[str, float]:
    if len(predictions) != len(rows):
        raise LangueError(f"there are {len(predictions)} predictions for {len(rows)} rows; give one for each")
    chosen = [row["entities"][int(place)] for place, row in zip(predictions, rows, strict=True)]
    return record(chosen, [row["answers"] for row in rows])


def _answers(benchmark: Benchmark, predictions: Sequence[Any], rows: Rows) -> dict[str, float]:
    golds = [[answer["text"] for answer in row["answers"]] for row in rows]
    return (squad_v2 if benchmark.name == "squad/2.0" else squad_v1)(predictions, golds)


def _scorer(benchmark: Benchmark) -> Callable[[Benchmark, Sequence[Any], Rows], dict[str, float]]:
    special = {"superglue/MultiRC": _multirc, "superglue/ReCoRD": _record, "squad/1.1": _answers, "squad/2.0": _answers}
    return special.get(benchmark.name, _labels)
