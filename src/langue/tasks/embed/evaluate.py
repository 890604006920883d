"""Rows of texts as numbers to learn vectors from, and how well vectors tell what belongs together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from langue.data.labelled import Labelled
from langue.data.retrieval_pairs import grade_of, kind_of, texts_in
from langue.metrics.regression import pearson, spearman
from langue.tasks.embed.objective import EmbedObjective, names_of
from langue.tasks.embed.predict import Embed
from langue.tasks.embed.settings import EmbedSettings

QUERIES = 1024
"""Anchors that look for their positives at once."""

DEPTH = 10
"""Places of a list in which a positive counts as found."""


def measure(task: Embed, rows: Sequence[Labelled], settings: EmbedSettings, batch: int) -> dict[str, float]:
    """Metrics of how well vectors tell what belongs together.

    Of pairs: accuracy, the share of anchors that are nearest to a positive of theirs among all positives of the rows,
    and mrr@10, the mean of 1 over the place of the first positive where that is among ten. Of graded ones: correlations
    of similarities with grades. The loss is contrastive, or the one of graded rows, without negatives.

    Args:
        task: the model.
        rows: of one kind.
        settings: how alike vectors are, and the temperature of the loss.
        batch: rows in whose company the loss of each is worked out.
    """
    kind = kind_of(rows)
    texts = [texts_in(row, kind)[:2] for row in rows]
    purposes = ("query", "document") if kind == "pairs" else (None, None)
    vectors = [
        task.embed([row[place] for row in texts], prompt=purpose)
        for place, purpose in enumerate(purposes[: len(texts[0])])
    ]
    if settings.similarity == "cosine":
        vectors = [array / np.linalg.norm(array, axis=1, keepdims=True).clip(1e-12) for array in vectors]
    first, second = vectors[0], vectors[-1]
    grades = [grade_of(row) for row in rows] if kind == "graded" else None
    measured = {"loss": _loss(settings, texts, np.stack([first, second], 1), grades, batch)}
    if grades is not None:
        alike = (first * second).sum(1).tolist()
        return {
            **measured,
            "spearman": spearman(alike, grades),
            "pearson": pearson(alike, grades),
        }
    return measured if kind == "texts" else {**measured, **find_positives(texts, first, second)}


def _loss(
    settings: EmbedSettings, texts: Sequence[Sequence[str]], pairs: np.ndarray, grades: list[float] | None, batch: int
) -> float:
    """The mean over rows, whose vectors are (rows, 2, D)."""
    kind = "contrastive" if grades is None else "cosine" if settings.loss == "cosine" else "cosent"
    objective = EmbedObjective(settings.replace(loss=kind, sizes=()))
    total = 0.0
    for start in range(0, len(pairs), batch):
        some = slice(start, start + batch)
        targets = _names(texts[some]) if grades is None else torch.tensor(grades[some])
        total += float(objective.of_vectors(torch.from_numpy(pairs[some]).flatten(0, 1), targets).total)
    return total / len(pairs)


def _names(texts: Sequence[Sequence[str]]) -> torch.Tensor:
    return names_of([[text.encode("utf-8", "surrogatepass") for text in (row[0], row[-1])] for row in texts])


def find_positives(texts: Sequence[Sequence[str]], first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """accuracy and mrr@10 of pairs with vectors (rows, D), each anchor and each positive counted once.

    A wrong text that is just as near as the right one stands before it, lest a model that tells nothing apart be right.
    """
    places: dict[str, int] = {}
    answers: dict[str, list[int]] = {}
    for anchor, positive in texts:
        answers.setdefault(anchor, []).append(places.setdefault(positive, len(places)))
    row_of = {anchor: number for number, (anchor, _) in enumerate(texts)}
    documents = np.zeros((len(places), second.shape[1]), np.float32)
    documents[[places[positive] for _, positive in texts]] = second
    ranks: list[int] = []
    anchors = list(answers)
    for start in range(0, len(anchors), QUERIES):
        some = anchors[start : start + QUERIES]
        scores = first[[row_of[anchor] for anchor in some]] @ documents.T
        for row, anchor in zip(scores, some, strict=True):
            right = row[answers[anchor]].max()
            row[answers[anchor]] = -np.inf
            ranks.append(1 + int((row >= right).sum()))
    return {
        "accuracy": sum(rank == 1 for rank in ranks) / len(ranks),
        f"mrr@{DEPTH}": sum(1 / rank for rank in ranks if rank <= DEPTH) / len(ranks),
    }
