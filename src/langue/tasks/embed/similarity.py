"""Losses of vectors: texts that mean the same are to be alike, and others not.

All are sums over rows, and all take vectors that are as long as their similarity wants them: of length 1 for the
cosine. B rows of m texts, D numbers a vector.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import IGNORE


def contrastive(texts: Tensor, names: Tensor, temperature: float, *, symmetric: bool = False) -> Tensor:
    """Each anchor is to find its positive among all positives and negatives of the batch (van den Oord et al. 2018,
    equation 4; with negatives of its own, Karpukhin et al. 2020, section 3.2).

    What is the same text as the anchor, or as any positive of the same anchor in the batch, is no wrong answer and does
    not count as one.

    Args:
        texts: (B, m, D): anchors, positives, and negatives if there are any.
        names: (B, m) int64: equal for texts that are equal, `IGNORE` for a text that is not there.
        temperature: what similarities are divided by.
        symmetric: take the mean with the loss of each positive that is to find its anchor among all anchors.
    """
    rows = len(texts)
    scores = texts[:, 0] @ texts[:, 1:].transpose(0, 1).flatten(0, 1).T / temperature
    masked = _no_wrong_answers(names)
    right = torch.arange(rows, device=texts.device)
    scores = scores.masked_fill(masked, -torch.inf)
    loss = F.cross_entropy(scores, right, reduction="sum")
    if not symmetric:
        return loss
    return (loss + F.cross_entropy(scores[:, :rows].T, right, reduction="sum")) / 2


def _no_wrong_answers(names: Tensor) -> Tensor:
    """(B, B · (m - 1)): which candidate is not to be held against which anchor; its own positive is not among them."""
    anchors, positives = names[:, :1], names[:, 1:2]
    candidates = names[:, 1:].T.flatten()[None]
    of_same_anchor = (anchors == anchors.T).float()
    right = (of_same_anchor @ (positives == candidates).float()) > 0
    masked = right | (candidates == anchors) | (candidates == IGNORE)
    return masked.index_put((torch.arange(len(names), device=names.device),) * 2, masked.new_zeros(()))


def cosent(pairs: Tensor, grades: Tensor, temperature: float) -> Tensor:
    """Pairs with a higher grade are to be more alike than those with a lower one, by any amount (CoSENT, Huang et al.
    2024): B · log(1 + Σ exp((sₖ − sᵢ) / temperature)) over all pairs i of a higher grade than k.

    Args:
        pairs: (B, 2, D).
        grades: (B,).
        temperature: what similarities are divided by.
    """
    scores = (pairs[:, 0] * pairs[:, 1]).sum(-1) / temperature
    wrong = (scores[None, :] - scores[:, None])[grades[:, None] > grades[None, :]]
    return len(pairs) * torch.logsumexp(torch.cat([wrong.new_zeros(1), wrong]), 0)


def regression(pairs: Tensor, grades: Tensor) -> Tensor:
    """The squared error of similarities, which are to be the grades (Reimers & Gurevych 2019, section 3)."""
    return F.mse_loss((pairs[:, 0] * pairs[:, 1]).sum(-1), grades, reduction="sum")


def margins(texts: Tensor, teacher_scores: Tensor, temperature: float) -> Tensor:
    """The squared error of how much more alike an anchor is to its positive than to each negative, the mean over a
    row's negatives (MarginMSE, Hofstätter et al. 2020, section 3.2).

    Args:
        texts: (B, m, D): anchors, positives, negatives.
        teacher_scores: (B, m - 1): the teacher's scores of the anchor with each; NaN for a negative that is not there.
        temperature: what similarities are divided by.
    """
    scores = _row_scores(texts, temperature)
    there = teacher_scores[:, 1:].isfinite()
    error = (scores[:, :1] - scores[:, 1:]) - (teacher_scores[:, :1] - teacher_scores[:, 1:]).where(there, 0.0)
    return ((error.square() * there).sum(1) / there.sum(1).clamp(min=1)).sum()


def divergence(texts: Tensor, teacher_scores: Tensor, temperature: float) -> Tensor:
    """KL(teacher ‖ student) of the chances that each of a row's texts answers its anchor (Lin et al. 2021, "In-Batch
    Negatives for Knowledge Distillation", equation 4); arguments as for `margins`."""
    missing = ~teacher_scores.isfinite()
    student = _row_scores(texts, temperature).masked_fill(missing, -torch.inf).log_softmax(1)
    teacher = teacher_scores.masked_fill(missing, -torch.inf).log_softmax(1)
    return (teacher.exp() * (teacher - student)).masked_fill(missing, 0.0).sum()


def _row_scores(texts: Tensor, temperature: float) -> Tensor:
    """(B, m - 1): how alike each anchor is to the texts of its own row."""
    return (texts[:, :1] * texts[:, 1:]).sum(-1) / temperature


def distance(vectors: Tensor, teacher_vectors: Tensor) -> Tensor:
    """The mean squared error of each vector (N, D) against a teacher's (Reimers & Gurevych 2020, equation 1)."""
    return F.mse_loss(vectors, teacher_vectors, reduction="sum") / vectors.shape[1]
