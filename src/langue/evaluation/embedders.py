"""A model of vectors measured on whatever there is: a search set, or a table of texts that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langue.console import remark
from langue.data import TableDataSettings, Tally
from langue.data.benchmarks import read_beir
from langue.data.labelled import Labelled, read_labelled, read_task
from langue.errors import LangueError
from langue.evaluation.measurement import MeasureSettings
from langue.evaluation.search import RERANKED, evaluate_search
from langue.evaluation.settings import is_search_set, recipe_data, refuse_split
from langue.evaluation.vectors import evaluate_vectors
from langue.files import write_text
from langue.search.rerank import load_reranker

BEIR = "beir"
"""Stands for a benchmark where data is a search set."""


def evaluate_vector_data(task: Any, data: Any, settings: MeasureSettings, run: Path | str | None) -> dict[str, Any]:
    """The metrics of a model of vectors on a search set or on a table, and counts of what was read.

    Raises:
        LangueError: it cannot be read, holds nothing to measure vectors by, or a setting is for the other one.
    """
    if settings.benchmark == BEIR or is_search_set(data):
        return _on_search_set(task, data, settings)
    if settings.rerank is not None:
        raise LangueError("--rerank is for a search set, such as a BEIR folder; there is no search to judge here")
    if settings.predictions is not None:
        raise LangueError("vectors are no answers that can be written; leave out --predictions")
    recipe, tally = recipe_data(run, task.name, settings.reading), Tally()
    if settings.benchmark is not None:
        rows = read_task(settings.benchmark, data, settings.split or "dev")
    else:
        refuse_split(settings.split, data)
        rows = _read_table(data, recipe, tally, renamed=settings.columns is not None)
    counts = {"examples": len(rows), "rows": len(rows), "dropped": tally.dropped()}
    return {**counts, **evaluate_vectors(task, rows, settings.benchmark)}


def _on_search_set(task: Any, data: str, settings: MeasureSettings) -> dict[str, Any]:
    judge = None if settings.rerank is None else load_reranker(settings.rerank, str(task.model.device))
    search_set = read_beir(data, settings.split or "test")
    if search_set.missing:
        remark(f"{data} judges {search_set.missing:,} documents as relevant that it does not hold")
    depth = RERANKED if settings.rerank_depth is None else settings.rerank_depth
    measured, rankings = evaluate_search(task, search_set, judge, depth)
    if settings.predictions is not None:
        _write_rankings(settings.predictions, rankings)
    queries, documents = len(search_set.queries), len(search_set.documents)
    counts = {"examples": queries, "queries": queries, "documents": documents}
    dropped = {"query without judgements": search_set.unjudged, "judged document that is missing": search_set.missing}
    dropped = {reason: count for reason, count in dropped.items() if count}
    return {**counts, "dropped": dropped, **measured}


def _write_rankings(path: Path, rankings: dict[str, dict[str, list[str]]]) -> None:
    """TREC's run files in one, in which the last column names the system."""
    lines = (
        f"{query} Q0 {document} {place} {1 / place:.6f} {system}\n"
        for system, ranking in rankings.items()
        for query, documents in ranking.items()
        for place, document in enumerate(documents, 1)
    )
    write_text(path, "".join(lines))


def _read_table(data: Any, recipe: TableDataSettings, tally: Tally, *, renamed: bool) -> list[Labelled]:
    """The rows of a table, whose columns the recipe names, or just those of the training."""
    if renamed:
        return list(read_labelled(data, recipe, tally))
    return _renamed(list(read_labelled(data, recipe.replace(columns={}), tally)), recipe.columns)


def _renamed(rows: list[Labelled], columns: Mapping[str, str]) -> list[Labelled]:
    """Rows under the names that a training gave their columns, if they have them: what vectors are measured on need not
    be what they were learnt from."""
    if not rows or not set(columns.values()) <= set(rows[0].values):
        return rows
    return [
        row._replace(values={**row.values, **{ours: row.values.get(theirs) for ours, theirs in columns.items()}})
        for row in rows
    ]
