"""Dropout that depends on the row alone, not on the batch that it stands in nor on how many processes share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.random import SFC64
from numpy.random.bit_generator import ISeedSequence
from torch import Tensor

from langue.kernels.dispatch import work_out
from langue.kernels.function import Function

_FACES = 1 << 16
"""Sides of a die of sixteen bits. 64 random bits are four dice, so that a probability is rounded to 1/65,536."""

_GOLDEN, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""The odd numbers of SplitMix64 (Steele, Lea & Flood 2014), in the int64 that torch has."""


class RowKeys:
    """The keys of a batch's rows, and how often their numbers have been dropped so far.

    Each time is another layer's; the same layers are gone through in the same order whatever the batch.

    Args:
        keys: (B,) int64.
    """

    def __init__(self, keys: Tensor):
        self.keys = keys
        self.times = 0


class _Current:
    rows: RowKeys | None = None
    part: int = 0


@contextmanager
def dropping_by(keys: np.ndarray | Tensor | None) -> Iterator[None]:
    """Inside, what is dropped of each row of a batch follows from its key; (B,) uint64, or int64 of the same bits.

    Without keys it follows from torch's generator. Where `torch.func.vmap` takes a batch's rows one by one, each finds
    its own key in those of the whole batch.
    """
    if isinstance(keys, np.ndarray):
        keys = torch.from_numpy(keys.view(np.int64))
    before, _Current.rows = _Current.rows, None if keys is None else RowKeys(keys)
    try:
        yield
    finally:
        _Current.rows = before


@contextmanager
def heads_of_part(number: int) -> Iterator[None]:
    """Inside, attention weights (B, heads, T, S) are those of one of several equal parts of the heads, by its number.

    What is dropped of them is what would be dropped among those of all heads.
    """
    before, _Current.part = _Current.part, number
    try:
        yield
    finally:
        _Current.part = before


def of_rows(numbers: np.ndarray, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of some rows of the batch that is under way, in which they drop what their keys say.

    It may be called again later, as torch does to compute something anew, and will drop the same.
    """
    keys = None if _Current.rows is None else _Current.rows.keys[torch.from_numpy(numbers)]

    def call(*arguments: Any) -> Any:
        with dropping_by(keys):
            return function(*arguments)

    return call


def repeatable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that drops the same when it is called again, as torch does to work something out anew."""
    rows = _Current.rows
    times = 0 if rows is None else rows.times

    def call(*arguments: Any) -> Any:
        if rows is None:
            return function(*arguments)
        with dropping_by(rows.keys):
            again = cast(RowKeys, _Current.rows)
            again.times = times
            result = function(*arguments)
        rows.times = max(rows.times, again.times)
        return result

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
    rows = _Current.rows
    if rows is None:
        rows = RowKeys(torch.randint(-(1 << 63), (1 << 63) - 1, x.shape[:1]))
    rows.times += 1
    first = _Current.part * x.shape[1] if x.ndim == 4 else 0
    kept = work_out("dice", x, rows.keys, rows.times, first) >= dropped - _FACES // 2
    return x * kept * (_FACES / (_FACES - dropped))


class _Seed(ISeedSequence):
    """The state of a generator as it is, since it is mixed enough."""

    def __init__(self, state: np.ndarray):
        self.state = state

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:  # type: ignore[override]
        return self.state


def thrown(x: Tensor, keys: Tensor, times: int, first: int = 0) -> Tensor:
    """int16 for each number of x (B, T, width) by a generator of each row; such a row is whole, so that `first` is 0.

    Its first numbers are the same however many are taken, so that padding, which is last in these three dimensions,
    changes none. On a CPU they come in half the time of torch's.
    """
    _check(x, keys)
    count = x.shape[1:].numel()
    dice = np.empty((len(keys), (count + 3) // 4), np.uint64)
    for row, key in zip(dice, keys.numpy().view(np.uint64), strict=True):
        state = np.array([key, times, 0], np.uint64)
        row[:] = SFC64(_Seed(state)).random_raw(len(row))  # type: ignore[bad-argument-type]
    return torch.from_numpy(dice.view(np.int16)[:, :count]).reshape(x.shape)


def mixed(x: Tensor, keys: Tensor, times: int, first: int = 0) -> Tensor:
    """int16 for each number of x (B, …), by mixing the keys with the number of each place.

    One dimension comes after the other, the last by fours; the second begins with the place `first`.
    """
    _check(x, keys)
    keys = _mix(keys.to(x.device) + times)
    for size in x.shape[1:-1]:
        keys = _mix(keys[..., None] + _numbers(size, keys.device, first))
        first = 0
    dice = keys[..., None] + _numbers((x.shape[-1] + 3) // 4, keys.device)
    # Not as thorough as `_mix`, since it is done for every number.
    dice = dice * _FIRST
    dice = (dice ^ (dice >> 32)) * _SECOND
    return dice.view(torch.int16)[..., : x.shape[-1]]


def _numbers(count: int, device: torch.device, first: int = 0) -> Tensor:
    return torch.arange(first + 1, first + count + 1, device=device) * _GOLDEN


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's; torch fills with the sign when it shifts to the right, so that it is cut off."""
    x = (x ^ (x >> 30 & (1 << 34) - 1)) * _FIRST
    x = (x ^ (x >> 27 & (1 << 37) - 1)) * _SECOND
    return x ^ (x >> 31 & (1 << 33) - 1)


def _check(x: Tensor, keys: Tensor) -> None:
    if len(keys) != len(x):
        raise ValueError(f"{len(x)} rows, but keys of {len(keys)}")


def by_row(x: Tensor, keys: Tensor, times: int, first: int) -> Tensor:
    """The same dice for rows that `torch.func.vmap` takes one by one as for a batch of them."""
    return _Dice.apply(x.detach(), keys, times, first)


class _Dice(Function):
    @staticmethod
    def forward(x: Tensor, keys: Tensor, times: int, first: int) -> Tensor:  # type: ignore[override]
        return work_out("dice", x, keys, times, first)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, None, None]:  # type: ignore[override]
        return None, None, None, None

    @staticmethod
    def vmap(  # type: ignore[override]
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, keys: Tensor, times: int, first: int
    ) -> tuple[Tensor, int]:
        size = info.batch_size
        x = x.expand(size, *x.shape) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        rows = x.shape[1]
        if in_dims[1] is not None:
            keys = keys.movedim(in_dims[1], 0).reshape(-1)
        elif len(keys) != size * rows:  # those of one batch that is gone through several times
            keys = keys.repeat(size)
        return _Dice.apply(x.flatten(0, 1), keys, times, first).unflatten(0, (size, rows)), 0
