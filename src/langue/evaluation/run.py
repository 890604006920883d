"""A model measured by what it was trained for, on whatever data: one entry for all tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from langue.account import reported
from langue.console import say
from langue.data import PairDataSettings, ReadSettings, Tally, TokenStore
from langue.data.prepare import prepare
from langue.data.sources import DataSource
from langue.errors import LangueError
from langue.evaluation.conversations import evaluate_talks, holds_conversations
from langue.evaluation.embedders import BEIR, evaluate_searches, evaluate_table
from langue.evaluation.pairs import evaluate_pairs, read_pairs_of
from langue.evaluation.search import RERANKED
from langue.evaluation.settings import check_options, is_search_set, is_store, reading_as, recipe_data
from langue.evaluation.supervised import evaluate_rows
from langue.files import scratch_folder, write_text
from langue.metrics.languages import check_language
from langue.models.finite import refuse_not_finite
from langue.search.rerank import load_reranker
from langue.tasks import load
from langue.tasks.folders import Bits, trained


@reported()
def evaluate(
    model: Path | str | Any,
    data: Any,
    *,
    benchmark: str | None = None,
    split: str | None = None,
    predictions: Path | None = None,
    precision: float | None = None,
    mistakes: bool = False,
    rerank: Path | str | Any = None,
    rerank_depth: int | None = None,
    stride: int | None = None,
    documents: Literal["file", "line", "paragraph"] = "file",
    text: str = "text",
    max_line_bytes: int | None = None,
    max_dropped: float | None = None,
    columns: Mapping[str, str] | str | None = None,
    language: str | None = None,
    adapter: Path | str | None = None,
    weights: Bits = "widen",
    device: str = "auto",
) -> dict[str, Any]:
    """Measure one model by what it was trained for.

    Args:
        model: a run folder, a checkpoint or a model's folder with its tokenizer; or what `langue.load` gave for one.
        data: a path, glob, folder or name, a list of them, a prepared token store, a `datasets.Dataset`, or an iterable
            of rows.
        benchmark: score as this task does, such as "glue/CoLA"; a run that was trained on one is scored so where data
            is a folder. "beir" for a search set by its hf: name; a folder is known by its files.
        split: of a benchmark: dev by default, of a search set test.
        predictions: a file for the answers.
        precision: share of right answers for which the lowest probability is looked for from which on a classifier's
            or tagger's answers reach it, such as 0.9.
        mistakes: tell all wrong answers of a classifier or tagger as well, the worst first.
        rerank: a classifier of pairs, or its folder, that judges what a search found.
        rerank_depth: how many of the best it judges; 100 by default.
        stride: tokens by which a writer's window slides, from 1 to the context; half of the context by default. A
            smaller one lets the model see more before each token, and takes longer.
        documents: what one document of a text file is.
        text: the column of a table that holds a writer's text.
        max_line_bytes: longer lines are left out, and where labels stand in them refused; a MiB, or as in training.
        max_dropped: the share of records, or of their bytes, that may be left out for their faults; 0.05, or as in
            training.
        columns: a table's names of the columns that the model was trained to read, such as {"text": "review"}; as in
            training by default.
        language: that a model which translates or summarises writes, by its code, which decides how BLEU, TER and ROUGE
            split it; by default as its training knew, or by the script of what people wrote.
        adapter: what a model that is named is used with: a run that trained adapters of it, or a folder of PEFT's.
        weights: of a GGUF file that is named, as of `langue.load`.
        device: where a model that is named is loaded.

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
    bounds = {"max_line_bytes": max_line_bytes, "max_dropped": max_dropped, "columns": columns}
    reading = reading_as(bounds, "evaluate")
    options = {"stride": stride, "benchmark": benchmark, "split": split, "predictions": predictions, "rerank": rerank}
    options |= {"rerank_depth": rerank_depth, "language": language, **reading}
    options |= {"precision": precision, "mistakes": mistakes or None}
    options |= {"documents": None if documents == "file" else documents, "text": None if text == "text" else text}
    check_options(task, data, [name for name, value in options.items() if value is not None])
    if language is not None:
        check_language(language)
    talks = recipe_data(None, "chat", reading)
    if task.name == "generate" and not is_store(data) and holds_conversations(data, talks):
        result = evaluate_talks(task, data, talks)
    elif task.measured_on == "text":
        result = _on_text(task, data, ReadSettings(documents=documents, text=text, **reading), stride)
    elif task.name == "embed" and (benchmark == BEIR or is_search_set(data)):
        judge = None if rerank is None else load_reranker(rerank, device)
        depth = RERANKED if rerank_depth is None else rerank_depth
        result = evaluate_searches(task, data, split or "test", judge, depth, predictions)
    elif rerank is not None:
        raise LangueError("--rerank is for a search set, such as a BEIR folder; there is no search to judge here")
    else:
        recipe = recipe_data(trained(model, adapter) if named else None, task.name, reading)
        on: Mapping[str, Any] = {
            "vectors": partial(evaluate_table, benchmark=benchmark, split=split, renamed=columns is not None),
            "pairs": partial(_on_pairs, language=language),
            "rows": partial(
                evaluate_rows,
                benchmark=benchmark,
                split=split,
                renamed=columns is not None,
                precision=precision,
                mistakes=mistakes,
            ),
        }
        result = on[task.measured_on](task, data, recipe, predictions=predictions)
    shown = data if isinstance(data, str) else "rows"
    return {"task": task.name, "data": shown, **result, "seconds": round(time.perf_counter() - begun, 3)}


def _on_pairs(
    task: Any, data: Any, recipe: PairDataSettings, *, predictions: Path | None, language: str | None
) -> dict[str, Any]:
    tally = Tally()
    pairs = read_pairs_of(task, data, recipe, tally)
    result, answers = evaluate_pairs(task, pairs, language)
    if predictions is not None:
        write_text(predictions, "".join(answer.replace("\n", " ") + "\n" for answer in answers))
    return {"examples": len(pairs), "rows": len(pairs), "dropped": tally.dropped(), **result}


def _on_text(task: Any, data: DataSource, settings: ReadSettings, stride: int | None) -> dict[str, Any]:
    with scratch_folder() as scratch:
        if is_store(data):
            return _on_store(task, data, TokenStore.open(str(data)), stride)
        return _on_store(task, data, prepare(data, task.tokenizer, scratch / "store", settings), stride)


def _on_store(task: Any, data: DataSource, store: TokenStore, stride: int | None) -> dict[str, Any]:
    dropped = store.manifest["records"]["dropped"]
    if dropped and not is_store(data):
        say(f"left out: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}")
    metrics = task.evaluate_store(store, stride)
    refuse_not_finite(np.array([metrics["loss"]]))
    return {
        "data": data if isinstance(data, str) else ", ".join(store.manifest["sources"]),
        "examples": store.documents,
        "documents": store.documents,
        "tokens": store.tokens,
        "dropped": dropped,
        "metrics": metrics,
    }
