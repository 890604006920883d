"""The cost of making a model smaller, measured: loss on the same rows, size, and speed in alternating rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from langue.batch import Batch
from langue.engine import Engine, GenerationSettings, Request
from langue.metrics.cost import Cost, Footprint, MeanChange
from langue.metrics.significance import mean_of, paired_bootstrap
from langue.models import Model, evaluating
from langue.models.count import numbers_of
from langue.models.finite import refuse_not_finite
from langue.tasks.losses import RowLosses

ROUNDS = 3
"""Rounds in which models take turns; their medians count."""

SECONDS = 1.0
"""Seconds of one model in one round, at least."""

BRIEFLY = 0.2
"""The same where a cost is measured by the way."""

PROMPT, WRITTEN = 8, 32
"""Tokens of a prompt by which speed is measured, and tokens that are written behind it."""


@dataclass(frozen=True)
class Compared:
    """A model whose cost is measured.

    Attributes:
        model: itself.
        files: those that its weights lie in on the disk.
    """

    model: Model
    files: Sequence[Path]


def cost_of(
    before: Compared,
    after: Compared,
    rows: RowLosses | None,
    *,
    source: str,
    steps: Sequence[str],
    measured_on: str | None,
    calibrated_on: str | None = None,
    seconds: float = SECONDS,
) -> Cost:
    """The cost of making one model of another: by pruning, in fewer bits, by merging adapters, by distillation.

    Args:
        before: the model that it was made of, or that taught it.
        after: what came out.
        rows: which both are measured on, and nothing was chosen by; None where there are none that both read.
        source: name of the first.
        steps: what was done to it, in words.
        measured_on: name of the rows; None of such as say nothing but how fast they are read.
        calibrated_on: name of the data that something was chosen by.
        seconds: of each model in each of three rounds in which speed is measured.

    Raises:
        LangueError: a loss is no finite number.
    """
    sizes = footprints([before, after], rows, seconds)
    losses = rows if measured_on is not None else None
    return Cost(
        source=source,
        steps=list(steps),
        measured_on=measured_on,
        calibrated_on=calibrated_on,
        before=sizes[0],
        after=sizes[1],
        loss=None if losses is None else mean_change(before.model, after.model, losses.sums, losses.unit),
        accuracy=None
        if losses is None or losses.hits is None
        else mean_change(before.model, after.model, losses.right, losses.unit),
    )


def mean_change(before: Model, after: Model, measure: Callable[[Model], np.ndarray], unit: str) -> MeanChange:
    """The change of a mean over rows, with the interval of the paired bootstrap over them.

    Args:
        before: a model.
        after: another.
        measure: gives (rows, 2) of a model: a sum for each row, and over how many it goes.
        unit: one of those.

    Raises:
        LangueError: a sum is no finite number.
    """
    first, second = measure(before), measure(after)
    for sums in (first, second):
        refuse_not_finite(sums)
    tested = paired_bootstrap(first, second, mean_of)
    return MeanChange(
        unit=unit,
        before=tested.first,
        after=tested.second,
        difference=tested.difference,
        low=tested.low,
        high=tested.high,
        p=tested.p,
        rows=len(first),
        targets=round(float(first[:, 1].sum())),
    )


def footprints(compared: Sequence[Compared], rows: RowLosses | None, seconds: float = SECONDS) -> list[Footprint]:
    """The sizes and speeds of models side by side.

    Args:
        compared: the models.
        rows: which they read; None for sizes alone.
        seconds: of each model in each round.
    """
    models = [one.model for one in compared]
    reading: Sequence[float | None] = [None] * len(models)
    writing = reading
    if rows is not None:
        reading = _rates([_reader(model, rows) for model in models], seconds)
        if all(model.config.form != "encoder" for model in models):
            writing = _rates([_writer(model, rows.batches) for model in models], seconds)
    return [
        Footprint(
            disk=sum(file.stat().st_size for file in one.files),
            memory=memory_of(one.model),
            parameters=numbers_of(one.model),
            reading=read,
            writing=written,
        )
        for one, read, written in zip(compared, reading, writing, strict=True)
    ]


def memory_of(model: Model) -> int:
    """Bytes that the parameters and buffers of a model take up; what two places share counts once."""
    tensors = [*model.parameters(), *model.buffers()]
    held = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(held.values())


Work = Callable[[int], float]
"""A piece of work by its number; gives how much was done."""


def _rates(works: Sequence[Work], seconds: float) -> list[float]:
    """The amount that each of several does in a second: medians over rounds in which they take turns."""
    for work in works:
        work(0)
    rounds = [[_rate(work, seconds) for work in works] for _ in range(ROUNDS)]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


def _rate(work: Work, seconds: float) -> float:
    begun, number, done = time.perf_counter(), 0, 0.0
    while True:
        done, number = done + work(number), number + 1
        if (passed := time.perf_counter() - begun) >= seconds:
            return done / passed


def _reader(model: Model, rows: RowLosses) -> Work:
    """Reading of one row at a time."""

    def read(number: int) -> float:
        batch = rows.batches[number % len(rows.batches)]
        with evaluating(model), torch.inference_mode():
            float(rows.objective.loss(model, batch.to(model.device)).total)
        return float(size_of(batch))

    return read


def size_of(batch: Batch) -> int:
    """The positions of a batch, on both sides."""
    return batch.ids.numel() + (0 if batch.source is None else batch.source.shape[0] * batch.source.shape[1])


def _writer(model: Model, batches: Sequence[Batch]) -> Work:
    """Writing of one text at a time by the likeliest token."""
    settings = GenerationSettings(max_tokens=WRITTEN, temperature=0.0)
    prompt = min(PROMPT, max(1, model.config.context - WRITTEN))

    def write(number: int) -> float:
        batch = batches[number % len(batches)]
        source = None if batch.source is None else batch.source[0].to(model.device)
        beginning = batch.ids[0, : 1 if batch.source is not None else prompt].tolist()
        [[written]] = Engine([model], settings).run([Request(beginning, settings, source=source)])
        return float(len(written.tokens))

    return write
