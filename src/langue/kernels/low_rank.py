"""Products with a matrix that does not learn and with one of low rank beside it that does.

Everywhere `x` is (…, in), `weight` (out, in), `bias` (out,) or None, and `down` (k·r, in) and `up` (out, r) stack the
thin matrices of k blocks, whose rows of the output are `blocks`: of block i, y += scale · x·Aᵢᵀ·Bᵢᵀ.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.function import Function, backward_of_result, keep
from langue.kernels.products import multiply, multiply_transposed


def product(x: Tensor, down: Tensor, up: Tensor, blocks: tuple[int, ...], scale: float) -> Tensor:
    """The product with the matrix of low rank alone, (…, out)."""
    inner = F.linear(x, down).split(up.shape[1], -1)
    parts = [F.linear(part, block) for part, block in zip(inner, up.split(blocks), strict=True)]
    return scale * (torch.cat(parts, -1) if len(parts) > 1 else parts[0])


def reference(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, blocks: tuple[int, ...], scale: float
) -> Tensor:
    """The sum of both products, (…, out); `weight` and `bias` get no gradient."""
    bias = None if bias is None else bias.detach()
    return F.linear(x, weight.detach(), bias) + product(x, down, up, blocks, scale)


def fused(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, blocks: tuple[int, ...], scale: float
) -> Tensor:
    """The same with one output and one gradient of x, to which both products are added; x alone is kept of them."""
    arguments = x, weight, bias, down, up, blocks, scale
    if not torch.is_grad_enabled():
        return _Adapted.forward(*arguments)[0]
    return _Adapted.apply(*arguments)[0]


class _Adapted(Function):
    @staticmethod
    def forward(  # type: ignore[override]
        x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, blocks: tuple[int, ...], scale: float
    ) -> tuple[Tensor, Tensor]:
        rows = x.reshape(-1, x.shape[-1])
        inner, y = multiply(rows, down, None), multiply(rows, weight, bias)
        for out, part, block in _pieces(y, inner, up, blocks):
            out.addmm_(part, block.t(), alpha=scale)
        return y.view(*x.shape[:-1], y.shape[-1]), inner

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, weight, _, down, up, ctx.blocks, ctx.scale = inputs
        keep(ctx, output[1])
        ctx.save_for_backward(x, weight, down, up, output[1])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight, down, up, inner = ctx.saved_tensors
        upstream, rows = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        by_inner, by_up = torch.empty_like(inner), torch.empty_like(up)
        places = zip(_pieces(upstream, by_inner, up, ctx.blocks), inner.split(up.shape[1], 1), strict=True)
        for ((part, into, block), own), of_block in zip(places, by_up.split(ctx.blocks), strict=True):
            torch.mm(part, block, out=into)
            torch.mm(part.t(), own, out=of_block)
        by_inner.mul_(ctx.scale)
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = multiply(upstream, weight.t(), None).addmm_(by_inner, down).view_as(x)
        return by_x, None, None, multiply_transposed(by_inner, rows), by_up.mul_(ctx.scale), None, None


def _pieces(sums: Tensor, inner: Tensor, up: Tensor, blocks: tuple[int, ...]) -> Any:
    """Columns of the output, columns of the inner numbers and thin matrix of each block."""
    return zip(sums.split(blocks, 1), inner.split(up.shape[1], 1), up.split(blocks), strict=True)
