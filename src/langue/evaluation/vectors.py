"""Vectors of texts measured by what people say of the texts: how alike two are, whether they say the same, what
group each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langue.console import progress
from langue.data.benchmarks import find_benchmark
from langue.data.labelled import Labelled, number_of, require, text_of
from langue.data.retrieval_pairs import texts_in
from langue.data.values import label_name
from langue.errors import LangueError
from langue.metrics import regression, similarity
from langue.metrics.regression import ranks
from langue.metrics.significance import bootstrap
from langue.search.vectors import unit
from langue.tasks.classify.data import label_of, one_label
from langue.tasks.embed.evaluate import find_positives

POSITIVE = ("1", "true")
NEGATIVE = ("0", "false")
"""Spellings of labels: 1 for two texts that say the same, 0 for others."""

BENCHMARKS = ("glue/STS-B", "glue/MRPC", "glue/QQP")
"""Benchmarks of how alike two texts are: by a number, or by labels of which the second means the same."""


def evaluate_vectors(task: Any, rows: Sequence[Labelled], benchmark: str | None = None) -> dict[str, Any]:
    """Measure a model of vectors on a table, by what the table holds.

    - `anchor` and `positive`: the place of each right text among all of the table's.
    - `sentence1`, `sentence2` and `score`, or a `label` of numbers: the correlations of cosine and score.
    - `sentence1`, `sentence2` and a `label` of 0 or 1: how well the cosine tells duplicates.
    - `text` and `label`: whether k-means with as many groups as there are labels finds them (v-measure).

    Args:
        task: makes vectors, as `Embed` does.
        rows: of the table.
        benchmark: one of `BENCHMARKS`, where the rows are its own.

    Returns:
        `metrics` and, of correlations, `intervals` of 95 %.

    Raises:
        LangueError: there are no rows, a column is missing, or labels are of no use here.
    """
    if not rows:
        raise LangueError("there are no rows to evaluate on")
    if benchmark not in (None, *BENCHMARKS):
        raise LangueError(f"{benchmark} says nothing about vectors; {', '.join(BENCHMARKS)} and beir do")
    if "anchor" in rows[0].values:
        return retrieved(task, rows)
    if "sentence1" not in rows[0].values:
        return groups(task, rows)
    for row in rows:
        require(row, "sentence1", "sentence2")
    pairs = [(text_of(row, "sentence1"), text_of(row, "sentence2")) for row in rows]
    column = "score" if "score" in rows[0].values else "label"
    values = [_value(row, column) for row in rows]
    labels = find_benchmark(benchmark).labels if benchmark is not None else ()
    names = [label_name(value) for value in values]
    if labels or (column == "label" and set(map(str.lower, names)) <= {*POSITIVE, *NEGATIVE}):
        return duplicates(task, pairs, [value in labels[1:] or value.lower() in POSITIVE for value in names])
    scores = [number_of(row.place, "the score of a pair", value) for row, value in zip(rows, values, strict=True)]
    return graded(task, pairs, scores)


def retrieved(task: Any, rows: Sequence[Labelled]) -> dict[str, Any]:
    """The rank of each anchor's right texts among those of all rows."""
    texts = [texts_in(row, "pairs")[:2] for row in rows]
    vectors = [
        unit(_vectors(task, [row[place] for row in texts], purpose))
        for place, purpose in enumerate(("query", "document"))
    ]
    return {"metrics": find_positives(texts, *vectors)}


def graded(task: Any, pairs: Sequence[tuple[str, str]], scores: Sequence[float]) -> dict[str, Any]:
    """The correlations of the pairs' cosines with how alike people say they are (STS)."""
    cosines = _cosines(task, pairs)
    columns = np.array(cosines), np.array(scores, np.float64)
    ranked = ranks(columns[0]), ranks(columns[1])
    intervals = {
        name: bootstrap(_products(*values), _correlation)
        for name, values in (("pearson", columns), ("spearman", ranked))
    }
    return {
        "metrics": {"pearson": regression.pearson(cosines, scores), "spearman": regression.spearman(cosines, scores)},
        "intervals": {name: [interval.low, interval.high] for name, interval in intervals.items()},
    }


def duplicates(task: Any, pairs: Sequence[tuple[str, str]], same: Sequence[bool]) -> dict[str, Any]:
    """Detection by the cosine of pairs that say the same: average precision, and the best F1 with its threshold."""
    cosines = _cosines(task, pairs)
    best = similarity.best_f1(cosines, same)
    return {"metrics": {"average_precision": similarity.average_precision(cosines, same), **best._asdict()}}


def groups(task: Any, rows: Sequence[Labelled]) -> dict[str, Any]:
    """The agreement (v-measure) of k-means' groups of unit vectors with the labels."""
    labels = [one_label(row) for row in rows]
    vectors = unit(_vectors(task, [text_of(row, "text") for row in rows]))
    clusters = similarity.k_means(vectors, len(set(labels)))
    return {"metrics": {"v_measure": similarity.v_measure(clusters, labels)}}


def _cosines(task: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
    vectors = _vectors(task, [text for pair in pairs for text in pair])
    return similarity.cosines(vectors[::2], vectors[1::2]).tolist()


def _vectors(task: Any, texts: Sequence[str], purpose: str | None = None) -> np.ndarray:
    with progress("vectors", len(texts), "texts") as advance:
        return task.embed(texts, prompt=purpose, advance=advance)


def _value(row: Labelled, column: str) -> Any:
    if column == "label":
        return label_of(row)
    require(row, column)
    if row.values[column] in (None, ""):
        raise LangueError(f"{row.place}: {column} is empty")
    return row.values[column]


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(N, 6) of which a correlation is made when summed; centred first, so that sums of squares lose no digits."""
    left, right = left - left.mean(), right - right.mean()
    return np.stack([np.ones_like(left), left, right, left * left, right * right, left * right], 1)


def _correlation(sums: np.ndarray) -> float:
    count, left, right, squares, others, both = sums
    spread = (squares - left**2 / count) * (others - right**2 / count)
    return float((both - left * right / count) / np.sqrt(spread)) if spread > 0 else 0.0
