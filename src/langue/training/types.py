"""Interfaces and records of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import ConfigDict, Field, model_validator

from langue.batch import Batch, Example, Loss
from langue.data import MicroBatch
from langue.randomness import RowRandomness
from langue.settings import Settings

MOST_SECONDS = 1e10
"""Seconds of a training at most: three centuries."""


class Batches(Protocol):
    """The micro-batches of any step, for this process."""

    def __getitem__(self, step: int) -> Sequence[MicroBatch]: ...


class Objective(Protocol):
    """Turns examples into a batch and a batch into a summed loss."""

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch: ...
    def loss(self, model: Any, batch: Batch) -> Loss: ...


class Progress(Settings):
    """Everything about a training that is no tensor, and that a checkpoint keeps.

    `unlogged` has sums since the last line of metrics, so that the next is whole after a resumption: by name, a sum and
    over how many it goes.
    """

    model_config = ConfigDict(frozen=False, strict=True)

    seed: int = 0
    """Seed of all draws."""
    step: int = Field(default=0, ge=0)
    """Updates so far."""
    tokens: int = Field(default=0, ge=0)
    """Targets so far."""
    seconds: float = Field(default=0.0, ge=0, le=MOST_SECONDS)
    """Seconds of training so far."""
    skipped: int = Field(default=0, ge=0)
    """Steps that were not finite and changed nothing."""
    skipped_in_a_row: int = Field(default=0, ge=0)
    """Those of them since the last that did."""
    best: float | None = None
    """The deciding metric at its best."""
    best_step: int = Field(default=-1, ge=-1)
    """Step of the best; −1 before any."""
    since_best: int = Field(default=0, ge=0)
    """Evaluations since then."""
    unlogged: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(default_factory=dict)
    """Sums since the last line of metrics, and over how many each goes, by name."""

    @model_validator(mode="after")
    def _adds_up(self) -> Progress:
        bounds = {"best_step": "step", "since_best": "step", "skipped": "step"}
        bounds |= {"skipped_in_a_row": "skipped"}
        for name, most in bounds.items():
            if getattr(self, name) > getattr(self, most):
                raise ValueError(f"{name} is {getattr(self, name)}, which is more than {most}: {getattr(self, most)}")
        return self


SHOWN = 4
"""Numbers of a step that fit beside a bar."""


@dataclass(frozen=True)
class StepMetrics:
    """Metrics of one step.

    Attributes:
        loss: mean over the step's targets, in nats.
        count: how many targets.
        gradient_norm: before clipping.
        skipped: loss or gradient was not finite, and nothing was changed.
        learning_rate_factor: share of the greatest learning rate.
        sums: of everything that the losses measured, by name: a sum, and over how many it goes; the loss is among them.
    """

    loss: float
    count: int
    gradient_norm: float
    skipped: bool
    learning_rate_factor: float
    sums: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def in_words(self, first: str = "loss") -> str:
        """A few means of what was measured, one of them first; the loss in its place where that was not measured."""
        measured = {name: total / count for name, (total, count) in self.sums.items() if count and name != "loss"}
        means = {first: measured[first], **measured} if first in measured else {"loss": self.loss, **measured}
        return " ".join(f"{name.replace('_', ' ')} {mean:.3f}" for name, mean in list(means.items())[:SHOWN])


@dataclass(frozen=True)
class Deciding:
    """The metric that decides which weights are the best.

    Attributes:
        metric: its name among those that an evaluation gives.
        higher: the higher the better; otherwise the lower.
    """

    metric: str = "loss"
    higher: bool = False

    def is_better(self, new: float, old: float | None) -> bool:
        """True if a value is better than the best before; one that is no finite number never is."""
        if not math.isfinite(new):
            return False
        return old is None or (new > old if self.higher else new < old)


@dataclass(frozen=True)
class Watch:
    """Callbacks and facts that connect a training with its surroundings.

    Attributes:
        evaluate: metrics of a model on dev data, among them the deciding one.
        deciding: the metric by which the best weights are kept, and by which patience ends.
        keep_best: called with a model that is the best so far.
        sample: a text that shows what the model can do.
        bytes_per_token: turns nats per token into bits per byte.
        flops_per_token: of training on one target; turns targets per second into a share of `peak`, and counts for the
            budget of FLOPs.
        peak: what the machine gives this program just now, in FLOP/s of matrix products; looked at between steps, in at
            most a hundredth of the time.
        steps_per_epoch: counts for a budget of epochs.
        from_start: evaluate the weights that the training begins from as well, before its first step.
        on_row: called with the values of each line of metrics.jsonl.
    """

    evaluate: Callable[[Any], Mapping[str, float]] | None = None
    deciding: Deciding = Deciding()
    keep_best: Callable[[Any], None] | None = None
    sample: Callable[[Any], str] | None = None
    bytes_per_token: float | None = None
    flops_per_token: float | None = None
    peak: Callable[[], float] | None = None
    steps_per_epoch: float | None = None
    from_start: bool = False
    on_row: Callable[[Mapping[str, Any]], None] | None = None
