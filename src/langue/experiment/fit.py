"""Whether a training fits into memory: said in a sentence before it begins, not by the system that kills it."""

from __future__ import annotations

import math

import torch

from langue import machine
from langue.errors import LangueError
from langue.models import ModelConfig
from langue.models.count import ceiling, memory
from langue.report.words import size
from langue.train import TrainingSettings
from langue.train.device import autocast

SURE = 0.75
"""The share of the estimate that a training takes at least: measured peaks are 0.75 to 1.25 times of it."""


def free_memory(device: torch.device) -> int:
    """Bytes that a device has to give."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else machine.memory()[1]


def rows_of(training: TrainingSettings, context: int) -> int:
    """Rows of one forward pass over all processes.

    Raises:
        LangueError: a batch of so many tokens holds none.
    """
    if training.batch_tokens is None:
        return training.batch_size
    if training.batch_tokens < context:
        raise LangueError(f"training.batch_tokens {training.batch_tokens} holds no row of the context of {context}")
    return training.batch_tokens // context


def check_fit(config: ModelConfig, training: TrainingSettings, rows: int, device: torch.device) -> None:
    """Refuse a training that surely cannot fit; what might, is let through.

    Args:
        config: the model, vocabulary included.
        training: how it is trained.
        rows: of one forward pass in one process.
        device: where.

    Raises:
        LangueError: says how much memory is missing and what would fit.
    """
    free = free_memory(device)
    if ceiling(config, rows) <= free:
        return
    if device.type == "cuda":  # whose fused attention drops without keeping its weights
        config = config.model_copy(update={"dropout": 0.0})
    need = memory(config, rows, optimizer=training.optimizer)
    with autocast(device, training.precision):
        share = 0.5 if torch.is_autocast_enabled(device.type) else 1.0
    growing = share * need.activations + need.logits
    refuse(SURE * (need.total - need.activations - need.logits + growing), free, SURE * growing / rows, rows, device)


def refuse(needed: float, free: int, a_row: float, rows: int, device: torch.device | str) -> None:
    """Refuse what needs more bytes than are free.

    Args:
        needed: bytes for so many rows.
        free: bytes there are.
        a_row: bytes of one row among the needed.
        rows: rows of one forward pass.
        device: where.

    Raises:
        LangueError: says how many rows would fit, if any.
    """
    if needed <= free:
        return
    fitting = math.floor((free - needed) / a_row + rows)
    advice = (
        f"--training.batch_size {fitting} would fit"
        if fitting >= 1
        else "take a smaller model, a shorter context or a smaller vocabulary"
    )
    raise LangueError(
        f"this training needs about {size(int(needed))} of memory, but {device} has {size(free)} free; {advice}"
    )
