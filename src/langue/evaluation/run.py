"""A model measured by what it was trained for, on whatever data: one entry for all tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langue.account import reported
from langue.evaluation.embedders import evaluate_vector_data
from langue.evaluation.measurement import READING, MeasureSettings
from langue.evaluation.pairs import evaluate_pairs
from langue.evaluation.settings import check_options, reading_as
from langue.evaluation.supervised import evaluate_rows
from langue.evaluation.texts import evaluate_text_data
from langue.metrics.languages import check_language
from langue.settings import parse
from langue.tasks import load
from langue.tasks.folders import Bits, trained


@reported()
def evaluate(
    model: Path | str | Any,
    data: Any,
    *,
    adapter: Path | str | None = None,
    weights: Bits = "widen",
    device: str = "auto",
    **options: Any,
) -> dict[str, Any]:
    """Measure one model by what it was trained for.

    Args:
        model: a run folder, a checkpoint or a model's folder with its tokenizer; or what `langue.load` gave for one.
        data: a path, glob, folder or name, a list of them, a prepared token store, a `datasets.Dataset`, or an iterable
            of rows.
        adapter: what a model that is named is used with: a run that trained adapters of it, or a folder of PEFT's.
        weights: of a GGUF file that is named, as of `langue.load`.
        device: where a model that is named is loaded.
        options: the fields of `langue.evaluation.measurement.MeasureSettings`, such as benchmark, split, columns,
            predictions, precision, mistakes, rerank, stride and language; None is as if it were not there.

    Returns:
        What `langue evaluate --json` prints: task, data, examples, metrics by name, seconds, counts of what was read,
        and under `dropped` how many records were left out, by reason. Of classifiers and taggers also labels,
        confusion, calibration and thresholds, as `langue.metrics.judgements.Judging` has them, and under `mistakes`
        the wrong answers if they are wanted, each as a `langue.tasks.judging.WrongAnswer`.

    Raises:
        LangueError: there is no such model, or the data are not what it can be measured on.
    """
    begun = time.perf_counter()
    named = isinstance(model, Path | str)
    task = load(model, device, adapter=adapter, weights=weights) if named else model
    data = str(data) if isinstance(data, Path) else data
    chosen = {name: value for name, value in options.items() if value is not None}
    reading = reading_as({name: chosen.get(name) for name in READING}, "evaluate")
    settings = parse(MeasureSettings, {**chosen, **reading}, "evaluate")
    check_options(task, data, settings.names)
    if settings.language is not None:
        check_language(settings.language)
    result = MEASURING[task.measured_on](task, data, settings, trained(model, adapter) if named else None)
    shown = data if isinstance(data, str) else "rows"
    return {"task": task.name, "data": shown, **result, "seconds": round(time.perf_counter() - begun, 3)}


MEASURING: Mapping[str, Callable[[Any, Any, MeasureSettings, Path | str | None], dict[str, Any]]] = {
    "text": evaluate_text_data,
    "rows": evaluate_rows,
    "pairs": evaluate_pairs,
    "vectors": evaluate_vector_data,
}
"""The counts and metrics of a task on data, with settings and the run that says how data are read, by the kind of data
that it is measured on."""
