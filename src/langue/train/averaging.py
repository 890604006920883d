"""The mean of a run's last checkpoints, which often translates better than any of them (Vaswani et al. 2017, 6.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from langue.errors import LangueError
from langue.train.checkpoint import load


def mean_weights(places: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the weights of several checkpoints, added up in float64; each is read and let go before the next.

    Raises:
        LangueError: there are none, one is damaged, or they are of different models.
    """
    if not places:
        raise LangueError("there are no checkpoints to average")
    total: dict[str, Tensor] = {}
    kinds: dict[str, torch.dtype] = {}
    for place in places:
        weights = load(place).weights(averaged=False)
        if not total:
            total = {name: value.double() for name, value in weights.items()}
            kinds = {name: value.dtype for name, value in weights.items()}
            continue
        if _shapes(weights) != _shapes(total):
            raise LangueError(f"{place} is of another model than the checkpoints before it")
        for name, value in weights.items():
            total[name] += value
    return {name: (value / len(places)).to(kinds[name]) for name, value in total.items()}


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def last_checkpoints(folder: Path, count: int) -> list[Path]:
    """The last few checkpoints of a run, oldest first.

    Raises:
        LangueError: there are fewer.
    """
    paths = sorted(path for path in folder.glob("step-*") if path.name[5:].isdigit())
    if len(paths) < count:
        raise LangueError(
            f"{folder} holds {len(paths)} checkpoints, not {count}; a training keeps the last training.keep of them"
        )
    return paths[-count:]
