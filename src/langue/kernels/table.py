"""The one table of kernels: for each operation its ways, the fastest first, and where each may be taken.

A plain reference stands beside each of them, and is what `torch.func` batches and differentiates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from langue.kernels import (
    activation,
    convolution,
    dispatch,
    distillation,
    dot_product,
    dropout,
    entropy,
    gathered,
    int8,
    low_rank,
    norm,
    products,
    recurrence,
    rotation,
    unrolled,
    widened,
)
from langue.kernels.dispatch import Mode, Way, work_out
from langue.kernels.recurrence import Cell

Signature = TypeVar("Signature", bound=Callable[..., Any])

_CPU = ("cpu",)
_PRECISE = (torch.float32, torch.float64)
_ALONE: tuple[Mode, ...] = ("eager", "autocast")
_TRANSFORMED: tuple[Mode, ...] = ("transformed",)
_EXPORTED: tuple[Mode, ...] = ("exported",)


def _onednn() -> bool:
    return products.onednn_is_faster()


def _settling() -> bool:
    return len(products.settled_rows()) > 0


def _integers() -> bool:
    return int8.are_exact()


dispatch.TABLE.update(
    {
        "linear": (
            Way(products.by_onednn, _CPU, (torch.float32,), ("eager",), _onednn, products.suit_onednn),
            Way(products.multiply_by_onednn, _CPU, (torch.float32,), ("eager",), _settling, products.are_settled),
            Way(products.reference),
        ),
        # Without a gradient, in a precision that is chosen already.
        "product": (
            Way(products.multiply_by_onednn, _CPU, (torch.float32,), _ALONE, _onednn, products.suit_onednn),
            Way(products.reference),
        ),
        "transposed_product": (
            Way(products.transposed_by_onednn, _CPU, (torch.float32,), _ALONE, _onednn, products.suit_onednn),
            Way(products.transposed_reference),
        ),
        "int8_linear": (
            Way(int8.by_integers, _CPU, (torch.float32,), ("eager",), _integers, int8.suit),
            Way(int8.reference),
        ),
        "widened_linear": (
            Way(widened.by_pieces, modes=("eager",)),
            Way(widened.reference),
        ),
        "weighted_sums": (
            Way(gathered.by_bags, _CPU, (torch.float32,), _ALONE, _onednn, gathered.suit_bags),
            Way(torch.matmul),
        ),
        "adapted_linear": (
            Way(low_rank.fused, modes=("eager",)),
            Way(low_rank.reference),
        ),
        "rms_norm": (
            Way(norm.fused, ("cpu", "meta"), modes=("eager",)),
            Way(norm.reference, modes=("transformed", "exported")),
            Way(norm.by_torch),
        ),
        "relu_squared": (
            Way(activation.fused, modes=_ALONE),
            Way(activation.reference),
        ),
        "rotate": (
            Way(rotation.by_complex_numbers, dtypes=(torch.float32,), modes=_ALONE),
            Way(rotation.reference),
        ),
        "attention": (
            Way(dot_product.reference, modes=_TRANSFORMED),
            Way(
                dot_product.by_torch,
                ("cuda",),
                when=lambda *arguments: arguments[5] > 0 and not dot_product.is_capped(*arguments),
            ),
            Way(dot_product.reference, when=lambda *arguments: arguments[5] > 0),
            Way(dot_product.step, _CPU, when=lambda *arguments: not arguments[4] and dot_product.is_step(arguments[0])),
            Way(dot_product.reference, when=dot_product.is_capped),
            Way(dot_product.spread, modes=_EXPORTED),
            Way(dot_product.by_torch),
        ),
        "attention_weights": (
            Way(dot_product.step_weights, _CPU, modes=_ALONE, when=lambda queries, *_: dot_product.is_step(queries)),
            Way(dot_product.weights_reference),
        ),
        "attention_along_rows": (
            Way(dot_product.along_rows, _CPU, _PRECISE, _ALONE, when=lambda queries, *_: dot_product.is_step(queries)),
            Way(dot_product.along_rows_reference),
        ),
        "recurrent": (
            Way(recurrence.reference, modes=_TRANSFORMED),
            Way(
                recurrence.gathered,
                modes=_EXPORTED,
                when=lambda x, cell, hidden, valid, documents: valid is not None and documents is None,
            ),
            Way(
                recurrence.packed,
                when=lambda x, cell, hidden, valid, documents: valid is not None or documents is not None,
            ),
            Way(unrolled.walk, _CPU, modes=("eager",), when=lambda x, cell, *_: unrolled.is_known(cell)),
            Way(recurrence.by_torch),
        ),
        "convolve_apart": (
            Way(convolution.apart, modes=_ALONE),
            Way(convolution.apart_reference),
        ),
        "pick": (
            Way(entropy.pick_reference, modes=("transformed", "exported")),
            Way(entropy.pick),
        ),
        "cross_entropy": (
            Way(entropy.reference, modes=("transformed", "exported")),
            Way(entropy.chunked),
        ),
        "distillation": (
            Way(distillation.reference, modes=("transformed", "exported")),
            Way(distillation.chunked),
        ),
        "log_probabilities": (
            Way(entropy.log_reference, modes=("transformed", "exported")),
            Way(entropy.log_chunked),
        ),
        "dice": (
            Way(dropout.by_row, modes=_TRANSFORMED),
            Way(dropout.thrown, _CPU, modes=_ALONE, when=lambda x, *_: x.ndim == 3),
            Way(dropout.mixed),
        ),
    }
)


def _operation(name: str, reference: Signature) -> Signature:
    """The function that layers call, which is the reference worked out in the best way there is."""

    @wraps(reference)
    def call(*arguments: Any) -> Any:
        return work_out(name, *arguments)

    return cast(Signature, call)


rms_norm = _operation("rms_norm", norm.reference)
relu_squared = _operation("relu_squared", activation.reference)
rotate = _operation("rotate", rotation.reference)
attention_weights = _operation("attention_weights", dot_product.weights_reference)
attention_along_rows = _operation("attention_along_rows", dot_product.along_rows_reference)
convolve_apart = _operation("convolve_apart", convolution.apart_reference)
adapted_linear = _operation("adapted_linear", low_rank.reference)
pick = _operation("pick", entropy.pick_reference)
distill = _operation("distillation", distillation.reference)
log_probabilities = _operation("log_probabilities", entropy.log_reference)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·weightᵀ (+ bias) of (…, k) and (n, k)."""
    return work_out("linear", x, weight, bias)


def int8_linear(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None = None, digits: int = 2) -> Tensor:
    """x·(scales·codes)ᵀ (+ bias) of (…, k), (n, k) int8 and (n,) fp32, whose gradients are those of x and bias alone.

    A row's result does not depend on the others'. Where bytes are multiplied, x is rounded by two digits to
    fifteen bits a row, or by one to eight.
    """
    return work_out("int8_linear", x, codes, scales, bias, digits)


def widened_linear(
    x: Tensor, widen: widened.Widen, rows: int, bias: Tensor | None = None, held: Tensor | None = None
) -> Tensor:
    """x·Wᵀ (+ bias) of (…, k) and a matrix (rows, k) that is made a stretch at a time; no gradient for W.

    While weights are settled, a matrix is made once and kept, by the tensor that holds it.
    """
    return work_out("widened_linear", x, widen, rows, bias, held)


@contextmanager
def settled_weights(room: int) -> Iterator[None]:
    """For many products of the same weights, which may not change meanwhile: decoding.

    Of few rows a product takes half as long, of 256 a twentieth less, and it gives the same bits.

    Args:
        room: bytes of memory that may be taken, of as many as the weights take already.
    """
    try:
        with products.settled(room), widened.kept_wide(room):
            yield
    finally:
        gathered.forget()


def attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    *,
    causal: bool = False,
    dropout: float = 0.0,
    cap: float | None = None,
) -> Tensor:
    """dropout(softmax(capped(queries·keysᵀ / √width) + mask))·values.

    Args:
        queries: (B, heads, T, head width).
        keys: (B, key heads, S, head width), each for heads / key heads in succession.
        values: the same.
        mask: (1 or B, 1 or heads, T or 1, S), bool or to be added; None sees all.
        causal: no position sees a later one; without a mask.
        dropout: probability of dropping a weight.
        cap: z becomes cap · tanh(z / cap) in the scores; None leaves them.

    Returns:
        (B, heads, T, head width).
    """
    return work_out("attention", queries, keys, values, mask, causal, dropout, cap)


def window_hides(window: int, length: int) -> bool:
    """True if some of so many positions do not see each other through a window.

    A graph is written for rows of any length, however short the ones it is written from.
    """
    return window < length or dispatch.current_mode("cpu") == "exported"


def recurrent(
    x: Tensor,
    cell: Cell,
    hidden: tuple[Tensor, ...] | None,
    valid: Tensor | None = None,
    documents: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """A recurrent layer over the sequences that rows hold.

    Args:
        x: (B, T, input).
        cell: kind and weights, forward only or both ways, whose outputs then stand side by side.
        hidden: what the rows begin with, (1, B, width) for each state that a cell has; None for zeros.
        valid: (B, T) bool, False on padding, which is passed over; None when nothing is padding.
        documents: (B, T) int64; each document of a row begins with zeros. None when each row is one.

    Returns:
        (B, T, width), zero on padding, and the states after the last position, or None while there are none.
    """
    return work_out("recurrent", x, cell, hidden, valid, documents)


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Each number of a vector by itself along (B, T + size − 1, width), by weights (width, size): (B, T, width)."""
    return convolution.along(x, weight)


def cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    cap: float | None = None,
) -> Tensor:
    """Cross-entropy of hidden·weightᵀ + bias, summed over rows, in nats; in chunks of bounded memory.

    Args:
        hidden: (N, width).
        weight: (V, width).
        bias: (V,).
        targets: (N,) int64 below V, where they count.
        counted: (N,) bool; where it is False nothing is asked, whatever stands there.
        smoothing: ε of label smoothing: the target gets 1 − ε, and ε is spread over all tokens.
        weights: (N,) what each row's loss is multiplied by; None for ones.
        cap: z becomes cap · tanh(z / cap) in the logits; None leaves them.
    """
    return work_out("cross_entropy", hidden, weight, bias, targets, counted, smoothing, weights, cap)
