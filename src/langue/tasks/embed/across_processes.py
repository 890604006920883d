"""Vectors of several processes that train as one, each of which has a stretch of the batch."""

from __future__ import annotations

import torch
import torch.distributed as distributed
import torch.nn.functional as F
from torch import Tensor

from langue.batch import Loss
from langue.parallel import others_have_rows


def of_all(own: Tensor, fill: float = 0.0) -> Tensor:
    """The rows (B, m, …) of all processes, one process after the other; only through one's own goes a gradient.

    A process that has fewer texts in its rows than another gets more, filled with a number.
    """
    if not others_have_rows():
        return own
    world, rank = distributed.get_world_size(), distributed.get_rank()
    shapes = [torch.empty(2, dtype=torch.long, device=own.device) for _ in range(world)]
    distributed.all_gather(shapes, torch.tensor(own.shape[:2], device=own.device))
    rows = [int(shape[0]) for shape in shapes]
    missing = max(int(shape[1]) for shape in shapes) - own.shape[1]
    own = F.pad(own, [0, 0] * (own.ndim - 2) + [0, missing], value=fill)
    sent = F.pad(own.detach(), [0, 0] * (own.ndim - 1) + [0, max(rows) - len(own)], value=fill).contiguous()
    parts = [torch.empty_like(sent) for _ in range(world)]
    distributed.all_gather(parts, sent)
    return torch.cat([own if number == rank else part[: rows[number]] for number, part in enumerate(parts)])


def share_of(total: Tensor, rows: int, own: int) -> Loss:
    """The share of a loss of all rows that a process with some of them has to tell.

    All processes work out the same loss and follow its gradient into vectors of their own, so that these gradients add
    up to the whole; what they tell of its value must add up to it as well.
    """
    shown = total.detach() * (own / rows)
    return Loss(total - total.detach() + shown, torch.tensor(own, device=total.device))
