"""Matrix products in fp32 on a CPU, by the fastest of the libraries that PyTorch brings along.

PyTorch multiplies matrices by Intel's MKL, which leaves AVX-512 unused on AMD's processors; oneDNN, FBGEMM and loops of
its own for sparse matrices, which PyTorch keeps for other things, use it there. Measured on two cores of a Zen 5 with
torch 2.13: 210 GFLOP/s by MKL, 460 by oneDNN, from the products of a model of 1M parameters to those of a large one.
All round each product of fp32 once, so results differ in the last digits alone, as they do between any two processors.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.tracing import is_traced


@cache
def onednn_is_faster() -> bool:
    """Whether this is a processor of AMD's with AVX-512; not measured, lest a resumed training take another library."""
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


class _Settled:
    """Weights in the order that oneDNN works on, which it otherwise puts them into at every product."""

    USES = 8
    """Products after which a weight is reordered, which takes as long as is won by about so many."""
    ROWS = 256
    """What oneDNN is told to prepare for; more or fewer rows take the same order."""

    def __init__(self, room: int):
        self._room = room
        self._uses: dict[nn.Parameter, int] = {}
        self._reordered: dict[nn.Parameter, Tensor] = {}

    def find(self, weight: nn.Parameter) -> Tensor:
        """The weight, in whichever order is best by now."""
        found = self._reordered.get(weight)
        if found is not None:
            return found
        uses = self._uses[weight] = self._uses.get(weight, 0) + 1
        if uses <= self.USES or weight.nbytes > self._room:
            return weight
        self._room -= weight.nbytes
        found = torch.ops.mkldnn._reorder_linear_weight(_dense(weight), self.ROWS)
        return self._reordered.setdefault(weight, found)


_settled: ContextVar[_Settled | None] = ContextVar("settled", default=None)


@contextmanager
def settled_weights(room: int) -> Iterator[None]:
    """For many products of the same weights, which may not change meanwhile: decoding.

    Of few rows a product takes half as long, of 256 a twentieth less, and it gives the same bits.

    Args:
        room: bytes of memory that may be taken, of as many as the weights take already.
    """
    token = _settled.set(_Settled(room) if onednn_is_faster() else None)
    try:
        yield
    finally:
        _settled.reset(token)
        _bags.cache_clear()  # of shapes that nobody has any more


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·weightᵀ (+ bias) of (…, k) and (n, k), of any strides, without a gradient."""
    return _multiply(x, weight, bias) if _can(x, weight) else F.linear(x, weight, bias)


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    settled = _settled.get()
    # A single row is read straight through, in which the order does not matter.
    if settled is not None and isinstance(weight, nn.Parameter) and x.numel() > x.shape[-1]:
        ordered = settled.find(weight)
    else:
        ordered = _dense(weight)
    return torch.ops.mkldnn._linear_pointwise(_dense(x), ordered, bias, "none", [], "")


def multiply_transposed(grad: Tensor, x: Tensor) -> Tensor:
    """gradᵀ·x of (m, n) and (m, k): the gradient of a weight (n, k), without a gradient of its own."""
    if not _can(grad, x):
        return grad.t() @ x
    # The narrow side in front is half again as fast, even though its result must be turned round.
    if grad.shape[1] > x.shape[1]:
        return multiply(x.t(), grad.t()).t().contiguous()
    return multiply(grad.t(), x.t())


def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """weights·values of (B, H, T, S) and (B, H, S, width), without a gradient.

    MKL first copies both sides of a product into an order of its own, which for few T takes longer than the product.
    FBGEMM sums the rows of a table where they lie, as bags of embeddings are summed: in two thirds of the time for
    T of 1 to 12, in a fifth where T is 1 and two threads share the work.
    """
    if not _can(weights, values):
        return weights @ values
    width, strides = values.shape[3], values.stride()
    if strides[3] != 1 or any(stride % width for stride in strides[:3]):
        return weights @ values
    steps = tuple(stride // width for stride in strides[:3])
    columns, rows = _bags((*values.shape[:2], *weights.shape[2:]), steps)
    table = values.as_strided((rows, width), (width, 1))
    return sums_of_rows(weights.reshape(columns.shape), table, columns).view(*weights.shape[:3], width)


@lru_cache(maxsize=4)
def _bags(shape: tuple[int, ...], steps: tuple[int, ...]) -> tuple[Tensor, int]:
    """For each of (B, H, T) the S rows of a table, (B · H · T, S), and how many rows that table has.

    Kept while a search runs, since all blocks of a decoder look at the same few shapes in turns.
    """
    first, second, third = (
        step * torch.arange(n) for step, n in zip(steps, (shape[0], shape[1], shape[3]), strict=True)
    )
    rows = first[:, None, None] + second[:, None] + third
    return rows[:, :, None].expand(shape).flatten(0, 2), int(rows[-1, -1, -1]) + 1


def can_look_up(x: Tensor) -> bool:
    """Whether `products_with_rows` and `sums_of_rows` are made for x."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def products_with_rows(x: Tensor, table: Tensor, columns: Tensor) -> Tensor:
    """Of x·tableᵀ, for (N, k) and (M, k), only what stands in each row at columns (N, S) int64: (N, S).

    Nothing is copied, where MKL copies both sides of a product. There is no gradient.
    """
    _know_sparse()
    # Zeros, since nothing times what was in new memory may be NaN.
    zeros, size = x.new_zeros(columns.numel()), (len(x), len(table))
    wanted = torch.sparse_csr_tensor(_ends(columns), columns.flatten(), zeros, size, check_invariants=False)
    return torch.sparse.sampled_addmm(wanted, x, table.t(), beta=0.0, out=wanted).values().view(columns.shape)


def sums_of_rows(weights: Tensor, table: Tensor, columns: Tensor) -> Tensor:
    """Sums by weights (N, S) of those rows of a table (M, width) whose numbers are columns (N, S) int64: (N, width)."""
    return F.embedding_bag(
        columns.flatten(),
        table,
        _ends(columns),
        mode="sum",
        per_sample_weights=weights.flatten(),
        include_last_offset=True,
    )


def _ends(columns: Tensor) -> Tensor:
    """Where, of so many columns written behind each other, each row begins and the last one ends."""
    return torch.arange(0, columns.numel() + 1, columns.shape[1])


@cache
def _know_sparse() -> None:
    """PyTorch says once in a process that its sparse matrices may yet change, which is no news to a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor(torch.zeros(1, dtype=torch.long), torch.zeros(0, dtype=torch.long), torch.zeros(0))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·weightᵀ (+ bias) of (…, k) and (n, k): torch's `linear`, gradient and all."""
    if not _can(x, weight) or torch.is_autocast_enabled("cpu"):
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled():
        return _Linear.apply(x, weight, bias)
    return _multiply(x, weight, bias)


def _dense(x: Tensor) -> Tensor:
    """Rows or columns without gaps: for anything else oneDNN has but a loop, which takes a hundred times as long."""
    return x if x.is_contiguous() or (x.ndim == 2 and x.t().is_contiguous()) else x.contiguous()


def _can(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32 == weight.dtype
        and x.numel() > 0
        and onednn_is_faster()
        and not is_traced()
    )


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad
        flat = grad.flatten(0, -2)
        return (
            multiply(grad, weight.t()) if by_x else None,
            multiply_transposed(flat, x.flatten(0, -2)) if by_weight else None,
            flat.sum(0) if by_bias else None,
        )
