"""From two rankings to one, and a better judge's opinion on the best of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from langue.search.store import Scored

CONSTANT = 2
"""How little the very first places stand out. The paper has 60, for questions with many right documents. Where there is
one, as among Debian's descriptions, a trained model lost by that: on their dev part nDCG@10 was 0.889 by dense search
alone, 0.892 with 10 and 0.896 with 2."""

Rerank = Callable[[str, Sequence[str]], Sequence[float]] | Any
"""A function from a query and texts to a score of each, or a model that classifies pairs, such as `langue.load` gives:
one that tells a number, or two labels of which the second is "belongs together"."""


def fuse(*rankings: Sequence[Scored]) -> list[Scored]:
    """Reciprocal rank fusion: each passage gets Σ 1 / (2 + its place), from 1, over the rankings that have it.

    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods"
    (SIGIR 2009). Scores of different kinds need not be comparable.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, (key, _) in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + 1 / (CONSTANT + place)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def judge(rerank: Rerank, query: str, texts: Sequence[str]) -> np.ndarray:
    """What a reranker says about each text: (texts,) float64, the greater, the better."""
    if callable(rerank):
        return np.array(rerank(query, texts), np.float64)
    pairs = [(query, text) for text in texts]
    if rerank.kind == "number":
        return np.array(rerank.classify(pairs), np.float64)
    label = rerank.settings.labels[-1]
    return np.array([result["scores"][label] for result in rerank.classify(pairs, scores=True)], np.float64)
