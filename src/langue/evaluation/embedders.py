"""A model of vectors measured on whatever there is: a search set, or a table of texts that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langue.console import remark
from langue.data import DataSettings, Tally
from langue.data.benchmarks import read_beir
from langue.data.labelled import Labelled, read_labelled, read_task
from langue.errors import LangueError
from langue.evaluation.search import evaluate_search
from langue.evaluation.vectors import evaluate_vectors
from langue.files import write_text

BEIR = "beir"
"""Stands for a benchmark where data is a search set."""


def evaluate_searches(
    task: Any, data: str, split: str, judge: Any, depth: int, predictions: Path | None
) -> dict[str, Any]:
    """The metrics of a model of vectors on a search set, and counts of what was read.

    Raises:
        LangueError: the set cannot be read.
    """
    search_set = read_beir(data, split)
    if search_set.missing:
        remark(f"{data} judges {search_set.missing:,} documents as relevant that it does not hold")
    measured, rankings = evaluate_search(task, search_set, judge, depth)
    if predictions is not None:
        _write_rankings(predictions, rankings)
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


def evaluate_table(
    task: Any,
    data: Any,
    recipe: DataSettings,
    *,
    benchmark: str | None = None,
    split: str | None = None,
    predictions: Path | None = None,
    renamed: bool = False,
) -> dict[str, Any]:
    """The metrics of a model of vectors on a table, and counts of what was read.

    Args:
        task: the model.
        data: the table.
        recipe: how it is read.
        benchmark: the task whose rows they are.
        split: of a benchmark.
        predictions: to be None.
        renamed: the recipe's columns are this table's, and not just those of the training.

    Raises:
        LangueError: the table cannot be read, or holds nothing to measure vectors by.
    """
    if predictions is not None:
        raise LangueError("vectors are no answers that can be written; leave out --predictions")
    tally = Tally()
    if benchmark is not None:
        rows = read_task(benchmark, data, split or "dev")
    elif renamed:
        refuse_split(split, data)
        rows = list(read_labelled(data, recipe, tally))
    else:
        refuse_split(split, data)
        reading = recipe.replace(columns={})
        rows = _renamed(list(read_labelled(data, reading, tally)), recipe.columns)
    counts = {"examples": len(rows), "rows": len(rows), "dropped": tally.dropped()}
    return {**counts, **evaluate_vectors(task, rows, benchmark)}


def refuse_split(split: str | None, data: Any) -> None:
    """Refuse to look for a split in a table.

    Raises:
        LangueError: there is one to look for.
    """
    if split is not None:
        raise LangueError(
            f"--split is for benchmarks and search sets, and {data if isinstance(data, str) else 'rows'} is neither"
        )


def _renamed(rows: list[Labelled], columns: Mapping[str, str]) -> list[Labelled]:
    """Rows under the names that a training gave their columns, if they have them: what vectors are measured on need not
    be what they were learnt from."""
    if not rows or not set(columns.values()) <= set(rows[0].values):
        return rows
    return [
        row._replace(values={**row.values, **{ours: row.values.get(theirs) for ours, theirs in columns.items()}})
        for row in rows
    ]
