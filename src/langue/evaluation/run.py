"""A model measured by what it was trained for, on whatever data: one entry for all tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from langue.account import reported
from langue.console import remark, say
from langue.data import DataSettings, PairDataSettings, ReadSettings, TableDataSettings, Tally, TokenStore
from langue.data.benchmarks import find_benchmark, is_beir, submission_name, write_submission
from langue.data.labelled import HUB, Labelled, read_labelled, read_task
from langue.data.prepare import prepare
from langue.data.sources import DataSource
from langue.data.store import MANIFEST
from langue.errors import LangueError, as_option, either
from langue.evaluation.conversations import evaluate_talks, holds_conversations
from langue.evaluation.embedders import BEIR, evaluate_searches, evaluate_table, refuse_split
from langue.evaluation.pairs import COMPARED, PAIR_TASKS, evaluate_pairs, intervals_of, read_pairs_of, statistics
from langue.evaluation.search import RERANKED
from langue.files import scratch_folder, write_text
from langue.metrics.benchmarks import average, score, suite_parts
from langue.metrics.languages import check_language
from langue.models.finite import refuse_not_finite
from langue.remote import is_name
from langue.search.rerank import load_reranker
from langue.settings import override, parse
from langue.tasks import load
from langue.tasks.folders import Bits, trained
from langue.tasks.judging import JudgedRows, JudgingTask
from langue.tasks.recipes import read_recipe, recipe_class
from langue.tasks.table import USES

DIAGNOSTICS = {"glue/AX": "glue/MNLI", "superglue/AX-b": "superglue/RTE", "superglue/AX-g": "superglue/RTE"}
"""Sets without training data, and the task whose model is asked."""


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
    if task.name == "generate" and not _is_read(data) and holds_conversations(data, talks):
        result = evaluate_talks(task, data, talks)
    elif task.measured_on == "text":
        result = _on_text(task, data, ReadSettings(documents=documents, text=text, **reading), stride)
    elif task.name == "embed" and (benchmark == BEIR or _is_beir(data)):
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
                _on_rows,
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


WRITERS = ("generate", "fill")
"""Tasks that are measured on running text."""

JUDGED = ("classify", "tag")
"""Tasks whose answers are labels."""

OTHERS = tuple(name for name in USES if name not in WRITERS)

TASKS_OF: Mapping[str, tuple[str, ...]] = {
    "stride": ("generate",),
    "documents": WRITERS,
    "text": WRITERS,
    "columns": OTHERS,
    "predictions": OTHERS,
    "benchmark": ("classify", "answer", "embed"),
    "split": ("classify", "answer", "embed"),
    "precision": JUDGED,
    "mistakes": JUDGED,
    "rerank": ("embed",),
    "rerank_depth": ("embed",),
    "language": PAIR_TASKS,
}
"""The tasks that an option has a say for; the others concern all."""

READING = ("documents", "text", "columns", "max_line_bytes", "max_dropped")
"""Options of the way in which files are read."""


def check_options(task: Any, data: Any, names: Sequence[str]) -> None:
    """Refuse options that have no say, before hours of writing.

    Args:
        task: the task.
        data: what it is measured on.
        names: of all options that differ from what they are by default.

    Raises:
        LangueError: names one of them.
    """
    for name in names:
        tasks = TASKS_OF.get(name, USES)
        if task.name not in tasks:
            raise LangueError(
                f"{as_option(name)} is for models trained to {either(tasks)}, and this one was trained to {task.name}"
            )
        if name in READING and _is_read(data):
            raise LangueError(f"{as_option(name)} is for files, and {data} was read when it was made; leave it out")
        if name in READING and ("benchmark" in names or _is_beir(data)):
            raise LangueError(f"{as_option(name)} is for files and tables, and benchmarks have a layout of their own")
    if "rerank_depth" in names and "rerank" not in names:
        raise LangueError("--rerank-depth is for --rerank, which is not given")


def _is_read(data: Any) -> bool:
    """True for a prepared store of tokens."""
    return isinstance(data, str) and (Path(data) / MANIFEST).is_file()


def _is_beir(data: Any) -> bool:
    return isinstance(data, str) and is_beir(data)


def _on_rows(
    task: Any,
    data: Any,
    recipe: TableDataSettings,
    *,
    benchmark: str | None,
    split: str | None,
    predictions: Path | None,
    renamed: bool,
    precision: float | None,
    mistakes: bool,
) -> dict[str, Any]:
    its_own = isinstance(data, str) and (Path(data).is_dir() or data in (HUB, recipe.folder))
    name = benchmark or (recipe.benchmark if its_own else None)
    tally = Tally()
    if name is not None:
        metrics, answers, rows = _on_benchmark(task, name, data, split or "dev")
        judged = judged_rows(task, [row for row in rows if "label" in row.values])
    else:
        refuse_split(split, data)
        # The layout of SQuAD has names of its own.
        columns = {} if isinstance(data, str) and data.endswith(".json") and not renamed else recipe.columns
        rows = list(read_labelled(data, recipe.replace(columns=columns), tally))
        judged = judged_rows(task, rows)
        metrics, answers = task.evaluate(rows) if judged is None else (task.metrics_of(judged), judged.answers)
    if predictions is not None:
        _write_predictions(predictions, name, rows, answers)
    return {
        "examples": len(rows),
        "rows": len(rows),
        "dropped": tally.dropped(),
        "metrics": metrics,
        **_intervals(task, answers, rows),
        **_judging(judged, precision, mistakes),
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
    if task.name not in COMPARED:
        return {}
    counted, _ = statistics(task.name, answers, [str(row.values["text"]) for row in rows])
    return {"intervals": intervals_of(counted)}


def _on_pairs(
    task: Any, data: Any, recipe: PairDataSettings, *, predictions: Path | None, language: str | None
) -> dict[str, Any]:
    tally = Tally()
    pairs = read_pairs_of(task, data, recipe, tally)
    result, answers = evaluate_pairs(task, pairs, language)
    if predictions is not None:
        write_text(predictions, "".join(answer.replace("\n", " ") + "\n" for answer in answers))
    return {"examples": len(pairs), "rows": len(pairs), "dropped": tally.dropped(), **result}


def reading_as(settings: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """The settings of data that a user gave a verb, checked; without those that are None.

    Raises:
        LangueError: one cannot be so.
    """
    known = {name: value for name, value in settings.items() if value is not None}
    typed = {name: value for name, value in known.items() if isinstance(value, str)}
    content = {"train": "", **override(known, typed)}
    return parse(DataSettings, content, verb, changed=typed).model_dump(include=set(known))


def recipe_data(run: Path | str | None, task: str, reading: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The data settings of a run's training, with those that a user gave now; without a run of this task, as
    its recipes do by default."""
    for place in () if run is None or is_name(run) else (Path(run), *Path(run).parents[:2]):
        if (place / "recipe.yaml").is_file():
            recipe = read_recipe(place / "recipe.yaml").of_use()
            if recipe.task == task:
                return recipe.data.replace(**reading)
    return recipe_class(task)(task=task, data={"train": ""}).data.replace(**reading)  # type: ignore[arg-type]


def _on_text(task: Any, data: DataSource, settings: ReadSettings, stride: int | None) -> dict[str, Any]:
    with scratch_folder() as scratch:
        if _is_read(data):
            return _on_store(task, data, TokenStore.open(str(data)), stride)
        return _on_store(task, data, prepare(data, task.tokenizer, scratch / "store", settings), stride)


def _on_store(task: Any, data: DataSource, store: TokenStore, stride: int | None) -> dict[str, Any]:
    dropped = store.manifest["records"]["dropped"]
    if dropped and not _is_read(data):
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


def _on_benchmark(task: Any, name: str, folder: str, split: str) -> tuple[dict[str, float], list[Any], list[Labelled]]:
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


def _write_predictions(path: Path, benchmark: str | None, rows: Sequence[Labelled], answers: Sequence[Any]) -> None:
    """A benchmark's submission; otherwise one JSON object a line with the row's answer."""
    if benchmark is not None:
        write_submission(benchmark, [row.values for row in rows], answers, path)
        return
    lines = [json.dumps({"prediction": answer}, ensure_ascii=False) + "\n" for answer in answers]
    write_text(path, "".join(lines))


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
    metrics, answers, rows = _on_benchmark(load(run, device), name, data, part)
    if predictions is not None:
        predictions.mkdir(parents=True, exist_ok=True)
        _write_predictions(predictions / _file_name(name, part), name, rows, answers)
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
