"""Dropout that depends on the row alone, not on the batch that it stands in nor on how many processes share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.random import SFC64
from numpy.random.bit_generator import ISeedSequence
from torch import Tensor, nn

_FACES = 1 << 16
"""Of a die of sixteen bits. 64 random bits are four dice, so that a probability is rounded to 1/65,536."""

_GOLDEN, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""The odd numbers of SplitMix64 (Steele, Lea & Flood 2014), in the int64 that torch has."""


class Rows:
    """The keys of a batch's rows, and how often their numbers have been dropped so far.

    Each time is another layer's; the same layers are gone through in the same order whatever the batch.

    Args:
        keys: (B,) uint64.
    """

    def __init__(self, keys: np.ndarray):
        self.keys = keys
        self.tensor = torch.from_numpy(keys.view(np.int64))
        self.times = 0


class _Current:
    rows: Rows | None = None


@contextmanager
def dropping_by(keys: np.ndarray | None) -> Iterator[None]:
    """Inside, what is dropped of each row of a batch follows from its key; (B,) uint64.

    Without keys it follows from torch's generator.
    """
    before, _Current.rows = _Current.rows, None if keys is None else Rows(keys)
    try:
        yield
    finally:
        _Current.rows = before


def of_rows(numbers: np.ndarray, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of some rows of the batch that is under way, in which they drop what their keys say.

    It may be called again later, as torch does to compute something anew, and will drop the same.
    """
    keys = None if _Current.rows is None else _Current.rows.keys[numbers]

    def call(*arguments: Any) -> Any:
        with dropping_by(keys):
            return function(*arguments)

    return call


def drop(x: Tensor, probability: float) -> Tensor:
    """x (B, …) without the numbers that fall to the probability; what is left is enlarged, so that the mean stays.

    A number's fate follows from its row's key, the layer, and its place in the row: of (B, T, width) from its place
    before padding, of (B, heads, T, S) from each of its three numbers.
    """
    dropped = round(probability * _FACES)
    if dropped in (0, _FACES):
        return x * (dropped == 0)
    if x.ndim == 1:
        return drop(x[None], probability)[0]
    kept = _dice(x) >= dropped - _FACES // 2
    return x * kept * (_FACES / (_FACES - dropped))


def _dice(x: Tensor) -> Tensor:
    """int16 for each number of x."""
    rows = _Current.rows
    if rows is None:
        rows = Rows(torch.randint(-(1 << 63), (1 << 63) - 1, x.shape[:1]).numpy().view(np.uint64))
    if len(rows.keys) != len(x):
        raise ValueError(f"{len(x)} rows, but keys of {len(rows.keys)}")
    rows.times += 1
    if x.ndim == 3 and x.device.type == "cpu" and not torch.compiler.is_compiling():
        return _thrown(rows, x.shape)
    return _mixed(_mix(rows.tensor.to(x.device) + rows.times), x.shape)


class _Seed(ISeedSequence):
    """The state of a generator as it is, since it is mixed enough."""

    def __init__(self, state: np.ndarray):
        self.state = state

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:  # type: ignore[override]
        return self.state


def _thrown(rows: Rows, shape: torch.Size) -> Tensor:
    """By a generator of each row, whose first numbers are the same however many are taken.

    On a CPU they come in half the time of torch's.
    """
    count = shape[1:].numel()
    dice = np.empty((len(rows.keys), (count + 3) // 4), np.uint64)
    for row, key in zip(dice, rows.keys, strict=True):
        state = np.array([key, rows.times, 0], np.uint64)
        row[:] = SFC64(_Seed(state)).random_raw(len(row))  # type: ignore[bad-argument-type]
    return torch.from_numpy(dice.view(np.int16)[:, :count]).reshape(shape)


def _mixed(keys: Tensor, shape: torch.Size) -> Tensor:
    """By mixing the keys with the number of each place: one dimension after the other, the last by fours."""
    for size in shape[1:-1]:
        keys = _mix(keys[..., None] + _numbers(size, keys.device))
    dice = keys[..., None] + _numbers((shape[-1] + 3) // 4, keys.device)
    # Not as thorough as `_mix`, since it is done for every number.
    dice = dice * _FIRST
    dice = (dice ^ (dice >> 32)) * _SECOND
    return dice.view(torch.int16)[..., : shape[-1]]


def _numbers(count: int, device: torch.device) -> Tensor:
    return torch.arange(1, count + 1, device=device) * _GOLDEN


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's; torch fills with the sign when it shifts to the right, so that it is cut off."""
    x = (x ^ (x >> 30 & (1 << 34) - 1)) * _FIRST
    x = (x ^ (x >> 27 & (1 << 37) - 1)) * _SECOND
    return x ^ (x >> 31 & (1 << 33) - 1)


class Dropout(nn.Module):
    """Each number is dropped with a probability, and what is left is enlarged so that the mean stays (Srivastava 2014).

    Args:
        probability: of dropping a number, 0 … 1; rounded to 1/65,536.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """x (B, …)."""
        return drop(x, self.probability) if self.training and self.probability else x

    def extra_repr(self) -> str:
        return str(self.probability)
