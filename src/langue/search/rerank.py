"""Ranking of what was found: two rankings become one, and a reranker judges the best of it anew.

A reranker is a cross-encoder, which reads query and text together (Nogueira & Cho 2019, "Passage re-ranking with
BERT"). It sees what no two vectors can say, and is too slow for more than the best of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langue.errors import LangueError
from langue.search.store import Scored

CONSTANT = 2
"""Constant of the fusion: the larger, the less the very first places stand out. The paper has 60, for questions with
many right documents. Where there is one, as among Debian's descriptions, a trained model lost by that: on their
dev part nDCG@10 was 0.889 by dense search alone, 0.892 with 10 and 0.896 with 2."""

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
    """Scores of texts by a reranker: (texts,) float64, the greater, the better."""
    if callable(rerank):
        return np.array(rerank(query, texts), np.float64)
    return judge_pairs(rerank, [(query, text) for text in texts])


def judge_pairs(rerank: Any, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Scores of pairs of a query and a text by a model: (pairs,) float64, the greater, the better."""
    if rerank.kind == "number":
        return np.array(rerank.classify(pairs), np.float64)
    label = rerank.settings.labels[-1]
    return np.array([result["scores"][label] for result in rerank.classify(pairs, scores=True)], np.float64)


def load_reranker(model: Path | str | Any, device: str = "auto") -> Rerank:
    """A model that judges pairs, by its folder or as it is.

    Args:
        model: trained with task classify on pairs, to tell a number or two labels, of which the second is "belongs
            together"; or a function from a query and texts to scores.
        device: where a model that is named is loaded.

    Raises:
        LangueError: there is none, or it was made for something else.
    """
    if callable(model):
        return model
    task: Any = model
    shown = "the model"
    if isinstance(model, Path | str):
        from langue.tasks import load

        task, shown = load(model, device), str(model)
    if task.name != "classify":
        raise LangueError(f"{shown} was made to {task.name}; reranking wants one that was trained to classify pairs")
    if task.kind != "number" and not (task.kind == "label" and len(task.settings.labels) == 2):
        raise LangueError(f"{shown} tells neither a number nor two labels, so that it cannot say what belongs together")
    return task
