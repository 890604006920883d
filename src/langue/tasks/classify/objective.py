"""Classification: what a text is, which labels it has, which number, or which of several choices goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import IGNORE, Batch, Example, Loss
from langue.kernels.distillation import divergences
from langue.models import Model
from langue.objectives.padding import padded
from langue.objectives.teacher import Softening, Teacher, mixed
from langue.randomness import RowRandomness
from langue.tasks.classify.settings import AnswerKind

NEVER = -1e4
"""The score of what cannot be."""


class ClassifyObjective:
    """One loss for each text: cross-entropy of a label or choice, mean binary cross-entropy of labels, or the squared
    error of a number.

    Args:
        kind: what is asked.
        weights: of each label, whose mean over the training data should be 1; None lets all count alike.
        smoothing: share of a label that is spread over all while training.
    """

    def __init__(self, kind: AnswerKind, weights: Sequence[float] | None = None, smoothing: float = 0.0):
        self.kind, self.smoothing = kind, smoothing
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with `ids`, `segments` and `target` become rows; those of choices have a list of each, and a row
        for each choice.

        Targets are (B,) classes or numbers, (B, labels) of zeros and ones, or (B, choices), where 1 is the right
        choice, 0 a wrong one, and IGNORE one that this example lacks.
        """
        if self.kind == "choice":
            return _choices(examples)
        batch = padded([example["ids"] for example in examples], [example["segments"] for example in examples])
        kind = np.int64 if self.kind == "label" else np.float32
        targets = np.stack([np.asarray(example["target"], kind) for example in examples])
        return replace(batch, targets=torch.from_numpy(targets))

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed over examples."""
        assert batch.targets is not None
        scores, targets = model.classify(batch).float(), batch.targets
        loss = self.of_scores(scores, targets, self.smoothing if model.training else 0.0)
        if teacher is None:
            return loss
        share, taught = teacher.softening.share, teacher.scores(batch).float()
        return mixed(loss.total, *self._from_teacher(scores, taught, targets, teacher.softening), share, loss.count)

    def _from_teacher(
        self, scores: Tensor, taught: Tensor, targets: Tensor, softening: Softening
    ) -> tuple[Tensor, Tensor]:
        """The divergence from a teacher's distribution over labels or choices, the mean over labels of that from its
        opinion of each, or the squared distance from its number; and at how many examples both say the same."""
        temperature, _, top = softening
        if self.kind == "number":
            return F.mse_loss(scores, taught, reduction="sum"), (scores.detach() == taught).sum()
        if self.kind == "labels":
            own, theirs = (torch.stack([x, torch.zeros_like(x)], -1).flatten(0, 1) for x in (scores, taught))
            same = ((scores > 0) == (taught > 0)).all(1)
            return divergences(own, theirs, temperature).sum() / scores.shape[1], same.sum()
        if self.kind == "choice":
            # One that is not there has no probability under either; −∞ would leave no difference to take.
            scores, taught = (x.view(targets.shape).masked_fill(targets == IGNORE, NEVER) for x in (scores, taught))
        return divergences(scores, taught, temperature, top).sum(), (scores.argmax(1) == taught.argmax(1)).sum()

    def of_scores(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Loss:
        """The loss of scores (B, outputs), or (B · choices, 1)."""
        return Loss(self._total(scores.float(), targets, smoothing), torch.tensor(len(targets), device=scores.device))

    def _total(self, scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        weights = None if self.weights is None else self.weights.to(scores.device)
        if self.kind == "label":
            return F.cross_entropy(scores, targets, weights, reduction="sum", label_smoothing=smoothing)
        if self.kind == "labels":
            losses = F.binary_cross_entropy_with_logits(scores, targets, weights, reduction="none")
            return losses.mean(1).sum()
        if self.kind == "number":
            return F.mse_loss(scores[:, 0], targets, reduction="sum")
        choices = scores.view(targets.shape).masked_fill(targets == IGNORE, -torch.inf)
        right = targets.clamp(min=0).argmax(1)
        return F.cross_entropy(choices, right, reduction="sum")


def _choices(examples: Sequence[Example]) -> Batch:
    """Rows of all choices; an example that has fewer than another gets rows of one token, which nobody looks at."""
    most = max(len(example["ids"]) for example in examples)
    nothing = np.zeros(1, np.int64)
    rows: list[np.ndarray] = []
    segments: list[np.ndarray] = []
    targets = np.full((len(examples), most), IGNORE, np.int64)
    for number, example in enumerate(examples):
        free = most - len(example["ids"])
        rows += [*example["ids"], *[nothing] * free]
        segments += [*example["segments"], *[nothing] * free]
        targets[number, : most - free] = 0
        targets[number, int(example["target"])] = 1
    return replace(padded(rows, segments), targets=torch.from_numpy(targets))
