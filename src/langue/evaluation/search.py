"""Searches in a BEIR set by meaning, by words, by both, and judged anew: how good each is, and whether by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from langue.console import progress
from langue.data.benchmarks import SearchSet
from langue.errors import LangueError
from langue.metrics.retrieval import RETRIEVAL, retrieval_statistics
from langue.metrics.significance import approximate_randomization, as_mean, bootstrap, mean_of
from langue.search.collector import Collector
from langue.search.postings import best
from langue.search.rerank import Rerank, fuse, judge
from langue.search.store import Scored
from langue.search.vectors import unit
from langue.search.words import words

DEPTH = 1000
"""Documents that are found for a query, as at TREC and in BEIR."""
RERANKED = 100
"""The best documents that a reranker judges by default; the others stay behind them as they are."""
AT_ONCE = 64
"""Queries that are compared with all documents at a time."""

Rankings = list[list[Scored]]
"""For each query the numbers of documents with their scores, the best first."""


def evaluate_search(
    task: Any,
    search_set: SearchSet,
    rerank: Rerank | None = None,
    rerank_depth: int = RERANKED,
    names: Sequence[str] = RETRIEVAL,
) -> tuple[dict[str, Any], dict[str, dict[str, list[str]]]]:
    """Measure a model of vectors beside and together with full-text search.

    Args:
        task: makes vectors, as `Embed` does.
        search_set: documents, queries and judgements; each document is one vector, of what the model's context holds.
        rerank: judges the best of what both found anew; see `langue.search.rerank`.
        rerank_depth: how many.
        names: metrics.

    Returns:
        The model's own `metrics` and `intervals`, and under `systems` those of each way to search: dense, bm25, hybrid
        and, with a reranker, reranked; with how much its first metric differs from dense's, and how likely by chance.
        And by system the rankings: for each query the documents' ids.

    Raises:
        LangueError: nothing is to be reranked.
    """
    if rerank_depth < 1:
        raise LangueError(f"{rerank_depth} documents cannot be reranked; ask for 1 or more")
    queries, documents = list(search_set.queries.values()), list(search_set.documents.values())
    ranked = {"dense": dense(task, queries, documents), "bm25": by_words(queries, documents)}
    ranked["hybrid"] = [fuse(*both)[:DEPTH] for both in zip(ranked["dense"], ranked["bm25"], strict=True)]
    if rerank is not None:
        ranked["reranked"] = reranked(rerank, ranked["hybrid"], queries, documents, rerank_depth)
    rankings = {name: _named(ranking, search_set) for name, ranking in ranked.items()}
    statistics = {
        name: retrieval_statistics(ranking, search_set.judgements, names) for name, ranking in rankings.items()
    }
    systems = {
        name: _scored(values, None if name == "dense" else statistics["dense"]) for name, values in statistics.items()
    }
    return {**systems["dense"], "systems": systems}, rankings


def dense(task: Any, queries: Sequence[str], documents: Sequence[str]) -> Rankings:
    """By the cosine of vectors, with every document compared."""
    with progress("vectors", len(queries) + len(documents), "texts") as advance:
        query_vectors, document_vectors = (
            unit(task.embed(texts, prompt=prompt, advance=advance))
            for texts, prompt in ((queries, "query"), (documents, "document"))
        )
    ranked: Rankings = []
    for start in range(0, len(query_vectors), AT_ONCE):
        ranked += [_best(scores) for scores in query_vectors[start : start + AT_ONCE] @ document_vectors.T]
    return ranked


def by_words(queries: Sequence[str], documents: Sequence[str]) -> Rankings:
    """By BM25; documents without any word of a query are not found."""
    collector = Collector()
    for number, text in enumerate(documents):
        collector.add(number, words(text))
    postings = collector.finish()
    return [postings.search(words(query), DEPTH) for query in queries]


def reranked(
    rerank: Rerank, rankings: Rankings, queries: Sequence[str], documents: Sequence[str], depth: int = RERANKED
) -> Rankings:
    """Rankings whose best are put in the order of a judge of pairs, equals in the order they had."""
    judged: Rankings = []
    with progress("reranking", len(queries), "queries") as advance:
        for query, ranking in zip(queries, rankings, strict=True):
            top = ranking[:depth]
            scores = judge(rerank, query, [documents[number] for number, _ in top]) if top else np.empty(0)
            order = np.argsort(-scores, kind="stable")
            judged.append([*((top[place][0], float(scores[place])) for place in order), *ranking[depth:]])
            advance(1)
    return judged


def _best(scores: np.ndarray) -> list[Scored]:
    places = best(scores, DEPTH)
    return list(zip(places.tolist(), scores[places].tolist(), strict=True))


def _named(rankings: Rankings, search_set: SearchSet) -> dict[str, list[str]]:
    """Documents by their ids. Where queries are documents themselves, as in Quora, none is an answer to itself."""
    names = list(search_set.documents)
    return {
        query: [
            names[number] for number, _ in ranking if names[number] != query or query in search_set.judgements[query]
        ]
        for query, ranking in zip(search_set.queries, rankings, strict=True)
    }


def _scored(values: Mapping[str, np.ndarray], beside: Mapping[str, np.ndarray] | None) -> dict[str, Any]:
    """Metrics and intervals of 95 % over queries; and the difference of the first metric from another system's."""
    intervals = {name: bootstrap(as_mean(counts), mean_of) for name, counts in values.items()}
    scored: dict[str, Any] = {
        "metrics": {name: interval.score for name, interval in intervals.items()},
        "intervals": {name: [interval.low, interval.high] for name, interval in intervals.items()},
    }
    if beside is not None:
        first = next(iter(values))
        tested = approximate_randomization(as_mean(beside[first]), as_mean(values[first]), mean_of)
        between = [tested.low, tested.high]
        scored["difference"] = {"metric": first, "value": tested.difference, "interval": between, "p": tested.p}
    return scored
