"""Scores of searches through ir-measures: nDCG, reciprocal rank, recall and average precision, one value a query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from langue.errors import LangueError
from langue.extra import need
from langue.metrics.check import check_numbers

Rankings = Mapping[str, Sequence[str]]
"""By query the documents that were found, the best first."""
Judgements = Mapping[str, Mapping[str, int]]
"""By query how relevant documents are: 0 not at all, more is better. What is not there is not relevant."""

RETRIEVAL = ("ndcg@10", "mrr@10", "recall@100", "map")
"""The metrics of a search unless others are asked for."""

_MEASURES = {"ndcg": "nDCG", "mrr": "RR", "recall": "R", "map": "AP"}
"""Our name of a measure; ir-measures'."""
_NAME = re.compile(r"(ndcg|mrr|recall|map)(?:@([1-9][0-9]*))?")


def ranked(scores: Mapping[str, float]) -> list[str]:
    """The documents of one query from their scores, the best first; of equal ones the greatest name, as trec_eval."""
    check_numbers("scores", list(scores.values()))
    return sorted(scores, key=lambda document: (scores[document], document), reverse=True)


def retrieval_statistics(
    rankings: Rankings, judgements: Judgements, names: Sequence[str] = RETRIEVAL
) -> dict[str, np.ndarray]:
    """Each query's value of each metric, from 0 to 1.

    nDCG has the relevance itself as gain and log₂(rank + 1) as discount (Järvelin & Kekäläinen 2002, as in trec_eval);
    for the others whatever is relevant at all is relevant. `map` looks at all that was found, others at the first k.

    Args:
        rankings: queries that were not judged count for nothing.
        judgements: each of their queries counts, with 0 where nothing relevant was found or is to be found.
        names: ndcg, mrr, recall or map, with a cutoff as in ndcg@10; only ndcg, mrr and map can do without.

    Returns:
        By metric (queries,) float64 in the order of `judgements`; `as_mean` makes of one what `bootstrap` takes.

    Raises:
        LangueError: there is no judgement, a query has a document twice, a metric is unknown, or ir-measures is not
            installed.
    """
    measures = {_measure(name): name for name in names}
    if not judgements:
        raise LangueError("there is nothing to score: no query was judged")
    # Of equal scores one of ir-measures' providers takes the first name and another the last. Places have no equals.
    run: dict[str, dict[str, float]] = {}
    for query in judgements:
        documents = rankings.get(query, ())
        run[query] = {document: -float(place) for place, document in enumerate(documents)}
        if len(run[query]) != len(documents):
            raise LangueError(f"query {query} has a document twice among those found")
    place = {query: number for number, query in enumerate(judgements)}
    values = {name: np.zeros(len(place)) for name in names}
    # Where all grades are below 0, trec_eval reads memory that is not its own and may go on for ever; 0 means the same.
    grades = {query: {name: max(0, grade) for name, grade in own.items()} for query, own in judgements.items()}
    for metric in _library().iter_calc(list(measures), grades, run):
        values[measures[metric.measure]][place[metric.query_id]] = metric.value
    return values


def retrieval_scores(rankings: Rankings, judgements: Judgements, names: Sequence[str] = RETRIEVAL) -> dict[str, float]:
    """The mean of each metric over all queries that were judged; see `retrieval_statistics`."""
    statistics = retrieval_statistics(rankings, judgements, names)
    return {name: float(values.mean()) for name, values in statistics.items()}


def _measure(name: str) -> Any:
    match = _NAME.fullmatch(name)
    if match is None or name == "recall":
        raise LangueError(f"there is no metric {name!r} of searches; known: ndcg@K, mrr@K, recall@K and map")
    kind, cutoff = match.groups()
    measure = getattr(_library(), _MEASURES[kind])
    return measure if cutoff is None else measure @ int(cutoff)


def _library() -> Any:
    return need("ir_measures", "metrics", "judging searches")
