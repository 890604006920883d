"""The rows of a batch, where a recipe leaves them to the machine: `training.batch_size: auto`."""

from __future__ import annotations

import time

import torch

from langue.console import say
from langue.errors import LangueError
from langue.experiment.fit import estimate, free_memory
from langue.experiment.teacher import teacher_beside
from langue.machine import peak_memory
from langue.models.count import ceiling, weight_bytes
from langue.parallel import process_group, strategy_of
from langue.parallel.launch import launch
from langue.recipe import Recipe
from langue.tasks.training_task import training_task
from langue.tasks.workload import Load, Shape
from langue.training import Trainer, choose_device
from langue.wording import size

SHARE = 0.8
"""The share of free memory that an estimate may fill: measured peaks are up to 1.25 times of it."""

USEFUL = {"cpu": 4096}
"""Tokens of a pass with more of which a device is hardly faster, while a step learns as much from them."""

USEFUL_ON_GPU = 65536

STEPS, LEAST = 50, 8
"""Steps of an epoch at least, where its rows are counted; and rows of one of its steps that are never too many."""


def sized(recipe: Recipe) -> Recipe:
    """The recipe with as many rows in a batch as are of use and fit into memory, where it leaves that open.

    They are a power of two for each process that has rows of its own: as many as `langue plan` says will fit, not more
    than make a device busy, nor so many that an epoch is over in a few steps.

    Raises:
        LangueError: the data cannot be read, one row does not fit, or the model draws its texts itself.
    """
    if recipe.training.batch_size != "auto":
        return recipe
    load = training_task(recipe).load_of(recipe.replace(training={"batch_size": 1}))
    if load.drawn_rows:
        raise LangueError("training.batch_size: auto is not for models that draw what they learn from; name a number")
    device = choose_device(recipe.training.device)
    shares = strategy_of(recipe.training.parallel, device).shares
    tokens = USEFUL.get(device.type, USEFUL_ON_GPU)
    of_epoch = load.steps_per_epoch * recipe.training.accumulate / STEPS
    wanted = {
        f"more than {tokens:,} tokens at once make it hardly faster": tokens / max(load.longest, load.source or 0),
        "more would make an epoch a matter of few steps": max(LEAST, of_epoch) / shares,
    }
    why, most = min(wanted.items(), key=lambda pair: pair[1])
    rows = 1 << max(0, int(most).bit_length() - 1)
    free = int(_room(device) * SHARE) - _beside(recipe)
    while rows > 1 and not _fits(recipe, load, rows, free, device):
        rows, why = rows // 2, f"twice as many may not fit into the {size(_room(device))} that are free"
    say(f"training.batch_size: {rows * shares} rows of up to {load.longest:,} tokens on {device}; {why}")
    return recipe.replace(training={"batch_size": rows * shares})


def _room(device: torch.device) -> int:
    """Bytes for one process: those on one machine share its memory, if they compute there."""
    group = launch()
    return free_memory(device) // (1 if device.type == "cuda" else max(1, group.world // group.machines))


def _beside(recipe: Recipe) -> int:
    """Bytes of a teacher's weights."""
    teacher = teacher_beside(recipe)
    return 0 if teacher is None else weight_bytes(teacher)


def _fits(recipe: Recipe, load: Load, rows: int, free: int, device: torch.device) -> bool:
    shape = Shape(rows, load.longest, load.source)
    if ceiling(load.config, rows, max(load.longest, load.source or 0)) <= free:
        return True
    need = estimate(load.config, recipe.training, shape, device)
    return need.total - (0 if load.predicts_tokens else need.logits) <= free


def fits(trainer: Trainer) -> bool:
    """True if the gradients of one step fit into memory with what the optimizer will add; they are thrown away.

    Only one process alone tries, since several would have to do it together.
    """
    if process_group(trainer.device)[1] > 1:
        return True
    free, before, began = free_memory(trainer.device), _peak(trainer.device), time.perf_counter()
    try:
        trainer.try_step()
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate" not in str(error):
            raise
        return False
    used = max(0, _peak(trainer.device) - before)
    say(f"one trial step took {time.perf_counter() - began:.2g} s" + (f" and {size(used)}" if used else ""))
    return used + 8 * sum(parameter.numel() for parameter in trainer.parameters) <= free


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
