"""The watch of a training: metrics on dev data, samples, and the best weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from langue import machine
from langue.console import remark
from langue.experiment.run import RunFolder
from langue.files import replacing_listed
from langue.models import Model, write_model
from langue.parallel import is_first, process_group
from langue.tasks.training_task import TrainingTask
from langue.training import Watch
from langue.training.device import autocast
from langue.training.log import ADVICE, OnRow
from langue.wording import in_words

LOOKING = 0.03
"""Seconds in which it is measured how fast the machine is."""


def build_watch(task: TrainingTask, folder: RunFolder, device: torch.device, on_row: OnRow) -> Watch:
    """Everything that the trainer asks of its surroundings."""
    precision = task.recipe.training.precision
    return Watch(
        evaluate=_evaluation(task) if task.has_dev else None,
        deciding=task.deciding,
        keep_best=lambda model: keep(model, folder, task.notes),
        sample=task.sample if task.has_samples else None,  # type: ignore[arg-type]
        bytes_per_token=task.bytes_per_target,
        flops_per_token=task.flops_per_target,
        peak=_pace(device, precision),
        steps_per_epoch=task.steps_per_epoch,
        from_start=task.from_start,
        on_row=on_row,
    )


def _evaluation(task: TrainingTask) -> Callable[[Any], Mapping[str, float]]:
    """Metrics on dev data, which whoever follows closely is told."""

    def evaluate(model: Model) -> Mapping[str, float]:
        metrics = task.evaluate(model)
        if is_first():
            remark(f"dev {in_words(metrics)}")
        return metrics

    return evaluate


def keep(model: Model, folder: RunFolder, notes: Mapping[str, str] | None = None) -> None:
    """Put a model in the place of the run's best one; either stands there whole at any time.

    Args:
        model: the new one.
        folder: the run's.
        notes: files that belong beside the configuration, by name; they are the same in all of a run.
    """
    # The configuration is the same in all of a run, so that weights and configuration fit at any time.
    with replacing_listed(folder.model, advice=ADVICE) as stage:
        write_model(model, stage)
        for name, text in (notes or {}).items():
            (stage / name).write_text(text, encoding="utf-8")


def _pace(device: torch.device, precision: str) -> Callable[[], float]:
    """FLOP/s of matrix products in the precision of the training, on all devices that it has."""
    with autocast(device, precision):
        dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    # Processes share the cores of one CPU, but each has a GPU of its own.
    devices = process_group(device)[1] if device.type == "cuda" else 1
    return lambda: devices * machine.matmul_speed(device, LOOKING, dtype)[0]
