"""Matrix products in fp32 on a CPU, by the fastest of the libraries that PyTorch brings along.

PyTorch multiplies matrices by Intel's MKL, which leaves AVX-512 unused on AMD's processors; oneDNN, which PyTorch keeps
for other things, uses it there. Measured on two cores of a Zen 5 with torch 2.13: 210 GFLOP/s by MKL, 460 by oneDNN,
from the products of a model of 1M parameters to those of a large one. Both round each product of fp32 once, so results
differ in the last digits alone, as they do between any two processors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.kernels.dispatch import choose, work_out
from langue.kernels.function import Function, backward_of_result

reference = F.linear
"""x·weightᵀ (+ bias) of (…, k) and (n, k), by torch's own choice of library."""


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same by oneDNN, gradient and all."""
    return _Linear.apply(x, weight, bias) if torch.is_grad_enabled() else multiply_by_onednn(x, weight, bias)


def suit_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """True if oneDNN can multiply x, of fp32, by a weight."""
    return weight.dtype == torch.float32 and x.numel() > 0


@cache
def onednn_is_faster() -> bool:
    """True if this is a processor of AMD's with AVX-512; not measured, lest a resumed training take another library."""
    return _processor() == ("AuthenticAMD", "AVX512")


SETTLED_ROWS = {("AuthenticAMD", "AVX2"): range(2, 65), ("GenuineIntel", "AVX512"): range(4, 16)}
"""The numbers of rows for which oneDNN is the faster with settled weights alone, by processor.

Measured with torch 2.13: a step of ten layers 576 wide, with 1,536 inside the feedforward layer and a vocabulary of
49,152. On a Zen 3 it takes, of its time with MKL, for 2, 4, 8, 16, 32 and 64 rows on one core 0.60, 0.71, 0.66, 0.75,
0.78 and 0.86, and for 4 to 32 rows on two cores 0.44, 0.50, 0.56 and 0.56; for 256 rows nothing is won. On a Sapphire
Rapids it takes for 4, 6, 8, 10, 12 and 14 rows on one core 0.66, 0.66, 0.54, 0.48, 0.45 and 0.42, and for 4 and 8 on
two cores 0.82 and 0.66; from 16 on, MKL is as fast. Single rows take MKL less time, and of weights as they are most
products take oneDNN longer, up to 1.8 times.
"""


@cache
def settled_rows() -> range:
    """The numbers of rows that this processor multiplies faster by settled weights."""
    return SETTLED_ROWS.get(_processor(), range(0))


@cache
def _processor() -> tuple[str, str]:
    """The processor's maker and the widest instructions that torch takes on it; nothing where oneDNN is missing."""
    if not torch.backends.mkldnn.is_available():
        return "", ""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "", ""
    maker = next((maker for maker in ("AuthenticAMD", "GenuineIntel") if maker in facts), "")
    return maker, torch.backends.cpu.get_cpu_capability()


def are_settled(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """True if a weight lies in oneDNN's order by now, and x holds as many rows as that is faster for."""
    settled = _settled.get()
    if settled is None or torch.is_grad_enabled() or not isinstance(weight, nn.Parameter):
        return False
    fits = x.numel() // max(1, x.shape[-1]) in settled_rows() and suit_onednn(x, weight)
    return fits and settled.find(weight) is not weight


class _Linear(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # type: ignore[override]
        return multiply_by_onednn(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad
        flat = grad.flatten(0, -2)
        return (
            multiply(grad, weight.t()) if by_x else None,
            multiply_transposed(flat, x.flatten(0, -2)) if by_weight else None,
            flat.sum(0) if by_bias else None,
        )


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·weightᵀ (+ bias) of (…, k) and (n, k), of any strides, without a gradient: for other kernels."""
    return work_out("product", x, weight, bias)


def multiplier(x: Tensor, weight: Tensor) -> Callable[..., Tensor]:
    """The function that `multiply` calls, for loops over products of such numbers."""
    return choose("product", x, weight, None)


def multiply_transposed(grad: Tensor, x: Tensor) -> Tensor:
    """gradᵀ·x of (m, n) and (m, k): the gradient of a weight (n, k), without a gradient of its own."""
    return work_out("transposed_product", grad, x)


def transposed_reference(grad: Tensor, x: Tensor) -> Tensor:
    """gradᵀ·x."""
    return grad.t() @ x


def transposed_by_onednn(grad: Tensor, x: Tensor) -> Tensor:
    """The same by oneDNN."""
    # The narrow side in front is half again as fast, even though its result must be turned round.
    if grad.shape[1] > x.shape[1]:
        return multiply(x.t(), grad.t()).t().contiguous()
    return multiply(grad.t(), x.t())


def multiply_by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same as the reference, without a gradient; a search's weights in the order that they are settled in."""
    settled = _settled.get()
    # A single row is read straight through, in which the order does not matter.
    if settled is not None and isinstance(weight, nn.Parameter) and x.numel() > x.shape[-1]:
        ordered = settled.find(weight)
    else:
        ordered = _dense(weight)
    return torch.ops.mkldnn._linear_pointwise(_dense(x), ordered, bias, "none", [], "")


def _dense(x: Tensor) -> Tensor:
    """Rows or columns without gaps: for anything else oneDNN has but a loop, which takes a hundred times as long."""
    return x if x.is_contiguous() or (x.ndim == 2 and x.t().is_contiguous()) else x.contiguous()


class _Settled:
    """Weights in the order that oneDNN works on, which it otherwise puts them into at every product."""

    USES = 8
    """Products after which a weight is reordered, which takes as long as is won by about so many."""
    ROWS = 256
    """Rows that oneDNN is told to prepare for; more or fewer rows take the same order."""

    def __init__(self, room: int):
        self._room = room
        self._uses: dict[nn.Parameter, int] = {}
        self._reordered: dict[nn.Parameter, Tensor] = {}

    def find(self, weight: nn.Parameter) -> Tensor:
        """The weight, in whichever order is best by now."""
        reordered = self._reordered.get(weight)
        if reordered is not None:
            return reordered
        uses = self._uses[weight] = self._uses.get(weight, 0) + 1
        if uses <= self.USES or weight.nbytes > self._room:
            return weight
        self._room -= weight.nbytes
        reordered = torch.ops.mkldnn._reorder_linear_weight(_dense(weight), self.ROWS)
        return self._reordered.setdefault(weight, reordered)


_settled: ContextVar[_Settled | None] = ContextVar("settled", default=None)


@contextmanager
def settled(room: int) -> Iterator[None]:
    """See `langue.kernels.settled_weights`."""
    token = _settled.set(_Settled(room) if onednn_is_faster() or settled_rows() else None)
    try:
        yield
    finally:
        _settled.reset(token)
