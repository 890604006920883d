"""A check that a training fits into memory: refused in a sentence before it begins, not killed by the system."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch

from langue import machine
from langue.errors import LangueError
from langue.models import ModelConfig
from langue.models.count import TrainingMemory, ceiling, memory
from langue.tasks.workload import Shape
from langue.training import TrainingSettings, freeze
from langue.training.device import autocast
from langue.wording import size

SURE = 0.75
"""The share of the estimate that a training takes at least: measured peaks are 0.75 to 1.25 times of it."""


def free_memory(device: torch.device) -> int:
    """Bytes that a device has to give."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else machine.memory()[1]


def check_fit(config: ModelConfig, training: TrainingSettings, shape: Shape, device: torch.device) -> None:
    """Refuse a training that surely cannot fit; what might, is let through.

    Args:
        config: the model, vocabulary included.
        training: how it is trained.
        shape: of the largest forward pass in one process.
        device: where.

    Raises:
        LangueError: says how much memory is missing and what would fit.
    """
    free, (rows, length, source) = free_memory(device), shape
    if ceiling(config, rows, max(length, source or 0)) <= free:
        return
    need = estimate(config, training, shape, device)
    a_row = SURE * (need.activations + need.logits) / rows
    refuse(SURE * need.total, free, a_row, rows, device, training.batch_tokens, config.adapter is None)


def estimate(config: ModelConfig, training: TrainingSettings, shape: Shape, device: torch.device) -> TrainingMemory:
    """Bytes that a training needs at its peak on a device; the arguments are those of `check_fit`."""
    rows, length, source = shape
    if device.type == "cuda":  # whose fused attention drops without keeping its weights
        config = config.replace(dropout=0.0)
    frozen = partial(freeze, settings=training)
    need = memory(config, rows, length, training.optimizer, source, training.recompute, frozen)
    with autocast(device, training.precision):
        half = torch.is_autocast_enabled(device.type)
    return replace(need, activations=need.activations // 2) if half else need


def refuse(
    needed: float,
    free: int,
    a_row: float,
    rows: int,
    device: torch.device | str,
    batch_tokens: int | None = None,
    learns_whole: bool = True,
) -> None:
    """Refuse what needs more bytes than are free.

    Args:
        needed: bytes for so many rows.
        free: bytes there are.
        a_row: bytes of one row among the needed.
        rows: rows of one forward pass.
        device: where.
        batch_tokens: tokens that a batch is to hold, where batches are counted by them.
        learns_whole: all of the model learns, and not adapters alone.

    Raises:
        LangueError: says how many rows would fit, if any.
    """
    if needed <= free:
        return
    fitting = math.floor((free - needed) / a_row + rows)
    advice = "take a smaller model, a shorter context or a smaller vocabulary, or set training.recompute"
    if fitting >= 1:
        advice = f"--training.batch_size {fitting} would fit"
        if batch_tokens is not None:
            advice = f"--training.batch_tokens {batch_tokens * fitting // rows} would fit"
    if learns_whole:
        advice += "; of a trained model, adapters need less: --adapt.rank 16 --adapt.base nf4"
    raise LangueError(
        f"this training needs about {size(int(needed))} of memory, but {device} has {size(free)} free; {advice}"
    )
