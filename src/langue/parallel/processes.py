"""The group of processes that train as one, through torch.distributed; one process needs nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as distributed

from langue.errors import LangueError
from langue.parallel.launch import launch

STEP = timedelta(minutes=30)
"""For how long a process waits for the others within a training, where the first may be writing a checkpoint."""
SETTING_UP = timedelta(days=7)
"""For how long it waits while the first sets up a run: reads all text, learns a tokenizer, asks a teacher."""


class _Waiting:
    group: Any = None


class _Rows:
    alike = False


class _Calls:
    alike = False


def process_group(device: torch.device) -> tuple[int, int]:
    """Rank and world size; joins the group that `torchrun` or `srun` describes in the environment, if one does."""
    group = launch()
    if group.world == 1:
        return 0, 1
    if device.type == "cuda":  # one GPU for each process of a machine, which Slurm may let see no other
        torch.cuda.set_device(group.local_rank % torch.cuda.device_count())
    if not distributed.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(
            backend, init_method=group.meeting, rank=group.rank, world_size=group.world, timeout=STEP
        )
        _Waiting.group = distributed.new_group(backend="gloo", timeout=SETTING_UP)
    return distributed.get_rank(), distributed.get_world_size()


def is_first() -> bool:
    """True if this process is the one that writes files and speaks, also before it has met the others."""
    return (distributed.get_rank() if distributed.is_initialized() else launch().rank) == 0


@contextmanager
def same_rows() -> Iterator[None]:
    """Inside, all processes work on the same rows."""
    _Rows.alike = True
    try:
        yield
    finally:
        _Rows.alike = False


@contextmanager
def same_calls() -> Iterator[None]:
    """Inside, all processes call each layer equally often, since they gather its parameters together."""
    _Calls.alike = True
    try:
        yield
    finally:
        _Calls.alike = False


def calls_of_all(count: int) -> int:
    """The number of calls to make where this process needs so many: as many as the one that needs most of them."""
    if not _Calls.alike:
        return count
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    most = torch.tensor(count, device=place)
    distributed.all_reduce(most, distributed.ReduceOp.MAX)
    return int(most)


def from_all(value: Any) -> list[Any]:
    """The values that all processes have, in their order; every process has to ask."""
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def others_have_rows() -> bool:
    """True if other processes work on rows that this one has not."""
    return distributed.is_initialized() and not _Rows.alike


def broadcast_number(number: float) -> float:
    """The number that the first process has, in all of them, so that they decide alike."""
    if not distributed.is_initialized():
        return number
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    sent = torch.tensor([number if is_first() else 0.0], dtype=torch.float64, device=place)
    distributed.broadcast(sent, src=0)
    return sent.item()


def wait() -> None:
    """Go on when all processes have come here, however long that takes.

    Raises:
        LangueError: another process has ended meanwhile.
    """
    if not distributed.is_initialized():
        return
    try:
        distributed.barrier(_Waiting.group)
    except RuntimeError:
        raise LangueError("another process of this training has ended; its message says why") from None
