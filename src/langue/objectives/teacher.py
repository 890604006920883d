"""A teacher: a trained model whose distributions another model learns beside the targets (Hinton, Vinyals & Dean
2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from langue.batch import Batch, Example, Loss
from langue.models import Model
from langue.nn.embedding import Head
from langue.randomness import RowRandomness


class Softening(NamedTuple):
    """The way in which two distributions are compared.

    Attributes:
        temperature: by which the logits of both are divided.
        share: of the divergence in the loss, whose rest is the cross-entropy's.
        top: the teacher's likeliest tokens, among which alone it shares out its probability; None for all.
    """

    temperature: float = 2.0
    share: float = 0.5
    top: int | None = None


class Lesson(NamedTuple):
    """The teacher's view of a batch's positions.

    Attributes:
        hidden: (…, teacher's width) hidden vectors.
        head: the teacher's.
        softening: how it is compared with the student's.
    """

    hidden: Tensor
    head: Head
    softening: Softening


@dataclass(frozen=True)
class Teacher:
    """A trained model, which drops nothing out and gets no gradient.

    Attributes:
        model: on the student's device.
        softening: how its distributions are compared with the student's.
    """

    model: Model
    softening: Softening

    @torch.no_grad()
    def lesson(self, batch: Batch) -> Lesson:
        """Its view of all positions that a student reads or writes."""
        return Lesson(self.model.hidden(batch), self.model.head, self.softening)

    @torch.no_grad()
    def scores(self, batch: Batch) -> Tensor:
        """(B, outputs) of its classifier."""
        return self.model.classify(batch)


def mixed(hard: Tensor, soft: Tensor, agreeing: Tensor, share: float, count: Tensor) -> Loss:
    """The loss of both parts together, with what it is made of.

    Args:
        hard: scalar, the summed loss by the targets.
        soft: scalar, the summed loss by the teacher.
        agreeing: scalar, at how many targets student and teacher say the same.
        share: of the second part.
        count: of the targets.
    """
    total = (1 - share) * hard + share * soft
    return Loss(total, count, measures(torch.stack([hard, soft, agreeing.to(hard.dtype)]), count))


def measures(sums: Tensor, count: Tensor) -> dict[str, Tensor]:
    """The parts of a distilled loss, as `Loss.metrics` has them."""
    names = "hard_loss", "distillation_loss", "agreement"
    return {name: torch.stack([part, count.to(part.dtype)]) for name, part in zip(names, sums.detach(), strict=True)}


class Taught:
    """An objective with a teacher beside its targets.

    Args:
        objective: whose `loss` takes a teacher.
        teacher: to learn from.
    """

    def __init__(self, objective: Any, teacher: Teacher):
        self.objective, self.teacher = objective, teacher

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        """The objective's own."""
        return self.objective.batch(examples, rng)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """The objective's loss and the teacher's, weighted; summed over targets."""
        return self.objective.loss(model, batch, self.teacher)
