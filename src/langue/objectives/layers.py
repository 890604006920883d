"""Hidden vectors of a teacher as what a student's layers are to say as well.

A student's vectors are to point where the teacher's do: the loss is 1 − cosine, DistilBERT's (Sanh et al. 2019, section
3) and half the squared distance of vectors of length 1 (Sun et al. 2019, "Patient knowledge distillation", equation 7),
so that neither side's scale matters. Where widths differ, a learned projection comes before it (Romero et al. 2015,
"FitNets"; Jiao et al. 2020, "TinyBERT", equation 8), which is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.nn.layout import Layout
from langue.randomness import RowRandomness, torch_generator


class Depth(NamedTuple):
    """The output of a layer.

    Attributes:
        vectors: (B, T, width).
        layout: of the rows.
    """

    vectors: Tensor
    layout: Layout


@contextmanager
def outputs_of(model: Model) -> Iterator[list[dict[int, Depth]]]:
    """The outputs of each stack's layers, by number from 1, of the passes inside."""
    outputs: list[dict[int, Depth]] = [{} for _ in model.stacks]
    hooks = [
        block.register_forward_hook(_keeping(outputs[place], number))
        for place, stack in enumerate(model.stacks)
        for number, block in enumerate(stack.blocks, 1)
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _keeping(outputs: dict[int, Depth], number: int) -> Any:
    def keep(block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        outputs[number] = Depth(output, inputs[1])

    return keep


def spread(students: int, teachers: int) -> dict[int, int]:
    """The teacher's layer that each of a student's stands for, both from 1: evenly spread, the last for the last."""
    if students <= teachers:
        return {number: number * teachers // students for number in range(1, students + 1)}
    return {number * students // teachers: number for number in range(1, teachers + 1)}


class Projections(nn.ModuleList):
    """A projection from the student's width to the teacher's for each stack, which all its layers share; none where the
    widths are the same.

    Args:
        widths: of student and teacher, for each stack.
        seed: of the first values.
    """

    def __init__(self, widths: Sequence[tuple[int, int]], seed: int):
        super().__init__(
            nn.Identity() if own == theirs else nn.Linear(own, theirs, bias=False) for own, theirs in widths
        )
        for place, layer in enumerate(self):
            if isinstance(layer, nn.Linear):
                draws = torch_generator(seed, "projection", place)
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5, generator=draws)


class TaughtByLayers:
    """An objective beside which hidden vectors are to be a teacher's.

    Args:
        objective: whose loss gets the rest.
        teacher: on the student's device; it drops nothing out.
        share: of the hidden vectors in the loss.
        layers: the teacher's layer for each of the student's that learns from one, from 1, for each stack.
        projections: on the student's device; they learn beside it.
    """

    def __init__(
        self,
        objective: Any,
        teacher: Model,
        share: float,
        layers: Sequence[Mapping[int, int]],
        projections: Projections,
    ):
        self.objective, self.teacher, self.share = objective, teacher, share
        self.layers, self.projections = layers, projections

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        """The objective's own."""
        return self.objective.batch(examples, rng)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """The objective's loss and that of the vectors, weighted; summed over targets.

        The mean over a row's positions and layers counts as often as the row has targets, so that it weighs the same
        whatever else is in the batch.
        """
        with outputs_of(model) as own:
            hard = self.objective.loss(model, batch)
        with torch.no_grad(), outputs_of(self.teacher) as theirs:
            self.teacher.hidden(batch)
        stacks = zip(self.layers, self.projections, own, theirs, strict=True)
        parts = [self._of_stack(batch, *stack) for stack in stacks]
        soft = torch.stack(parts).mean()
        total = (1 - self.share) * hard.total + self.share * soft
        sums = {"hard_loss": hard.total, "distillation_loss": soft}
        metrics = {name: torch.stack([part.detach(), hard.count.to(part.dtype)]) for name, part in sums.items()}
        return Loss(total, hard.count, {**hard.metrics, **metrics})

    def _of_stack(
        self,
        batch: Batch,
        layers: Mapping[int, int],
        projection: nn.Module,
        own: Mapping[int, Depth],
        theirs: Mapping[int, Depth],
    ) -> Tensor:
        apart = [
            1 - F.cosine_similarity(projection(own[number].vectors).float(), theirs[source].vectors.float(), dim=-1)
            for number, source in layers.items()
        ]
        return (torch.stack(apart).mean(0) * position_weights(batch, next(iter(own.values())).layout)).sum()


def position_weights(batch: Batch, layout: Layout) -> Tensor:
    """(B, T) weight of each position: a row's share out its number of targets, or 1 of a row that has one judgement.

    Rows of a decoder are padded without a mark, since nobody looks ahead; behind the last target nothing counts there.
    """
    targets = batch.targets
    assert targets is not None
    is_judgement = targets.ndim == 1 or targets.is_floating_point()
    targeted = torch.ones(layout.rows, 1, device=targets.device) if is_judgement else targets != IGNORE
    valid = torch.ones(layout.rows, layout.length, dtype=torch.bool, device=targets.device)
    if layout.new_valid is not None:
        valid = layout.new_valid
    if layout.causal and not is_judgement:
        valid = valid & (targeted.flip(1).cumsum(1) > 0).flip(1)
    return valid * (targeted.sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1))
