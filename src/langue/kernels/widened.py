"""Products with a matrix that memory holds in few bits, and that is widened some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.function import Function, backward_of_result
from langue.kernels.products import multiplier, multiply

Widen = Callable[[slice], Tensor]
"""From a stretch of rows to these rows (n, k) of the matrix, in fp32."""

_AT_ONCE = 1 << 20
"""Numbers that are widened at once: 4 MB, which a core's cache holds until they are multiplied."""


class _Wide:
    """Matrices that were widened as a whole, while somebody multiplies with them again and again."""

    def __init__(self, room: int):
        self._room = room
        self._matrices: dict[Tensor, Tensor] = {}

    def find(self, held: Tensor, widen: Widen, rows: int, columns: int) -> Tensor | None:
        """The widened matrix of what holds it; None if there is no room for it."""
        if held not in self._matrices and 4 * rows * columns <= self._room:
            self._room -= 4 * rows * columns
            self._matrices[held] = widen(slice(0, rows))
        return self._matrices.get(held)


_wide: ContextVar[_Wide | None] = ContextVar("wide", default=None)


@contextmanager
def kept_wide(room: int) -> Iterator[None]:
    """For many products of the same matrices: keep them widened, as many as so many bytes have room for."""
    token = _wide.set(_Wide(room))
    try:
        yield
    finally:
        _wide.reset(token)


def reference(x: Tensor, widen: Widen, rows: int, bias: Tensor | None, held: Tensor | None = None) -> Tensor:
    """x·Wᵀ (+ bias) of (…, k) and a matrix of so many rows, widened as a whole."""
    return F.linear(x, widen(slice(0, rows)).to(x.dtype), bias)


def by_pieces(x: Tensor, widen: Widen, rows: int, bias: Tensor | None, held: Tensor | None = None) -> Tensor:
    """The same in bounded memory, also on the way back."""
    wide = _wide.get()
    if wide is not None and held is not None and not torch.is_grad_enabled() and x.dtype == torch.float32:
        matrix = wide.find(held, widen, rows, x.shape[-1])
        if matrix is not None:
            return multiplier(x, matrix)(x, matrix, bias)
    if torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)):
        return _Widened.apply(x, widen, rows, bias)
    return _forward(x, widen, rows, bias)


class _Widened(Function):
    @staticmethod
    def forward(x: Tensor, widen: Widen, rows: int, bias: Tensor | None) -> Tensor:  # type: ignore[override]
        return _forward(x, widen, rows, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Widen, int, Tensor | None], output: Tensor) -> None:
        _, ctx.widen, ctx.rows, _ = inputs

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        by_x, *_, by_bias = ctx.needs_input_grad
        return (
            back(grad, ctx.widen, ctx.rows) if by_x else None,
            None,
            None,
            grad.flatten(0, -2).sum(0) if by_bias else None,
        )


def back(grad: Tensor, widen: Widen, rows: int) -> Tensor:
    """grad·W of (…, n) and (n, k): the gradient of x."""
    total: Tensor | float = 0.0
    for piece in _pieces(rows, grad.shape[-1]):
        total = multiply(grad[..., piece], widen(piece).to(grad.dtype).t()) + total
    assert isinstance(total, Tensor)
    return total


def _forward(x: Tensor, widen: Widen, rows: int, bias: Tensor | None) -> Tensor:
    output = x.new_empty(*x.shape[:-1], rows)
    for piece in _pieces(rows, x.shape[-1]):
        weight = widen(piece).to(x.dtype)
        output[..., piece] = multiplier(x, weight)(x, weight, None if bias is None else bias[piece])
    return output


def _pieces(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // columns)
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))
