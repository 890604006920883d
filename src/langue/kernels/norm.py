"""RMS normalisation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.function import Function, backward_of_result, keep


def reference(x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """x / √(mean(x²) + ε), times a weight (width,) if there is one, over the last dimension."""
    normed = x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
    return normed if weight is None else normed * weight


def by_torch(x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """The same by torch's operation, which is one kernel on a GPU and keeps its precision under autocast."""
    return F.rms_norm(x, x.shape[-1:], weight, epsilon)


def fused(x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """The same in half of the time that torch takes on a CPU, where it puts the norm together from small operations."""
    if not torch.is_grad_enabled():
        return _RMSNorm.forward(x, weight, epsilon)[0]
    return _RMSNorm.apply(x, weight, epsilon)[0]


class _RMSNorm(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        inverse = (torch.linalg.vecdot(x, x) / x.shape[-1] + epsilon).rsqrt_().unsqueeze(-1)
        normed = x * inverse
        return normed if weight is None else normed.mul_(weight), inverse

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, weight, _ = inputs
        normed, inverse = output
        keep(ctx, inverse)
        ctx.save_for_backward(*((normed, inverse) if weight is None else (x, inverse, weight)))

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        saved = ctx.saved_tensors  # asked for once, since a checkpoint computes them anew for whoever asks
        if len(saved) == 2:
            normed, inverse = saved
            along = torch.linalg.vecdot(grad, normed).unsqueeze(-1) / -normed.shape[-1]
            return torch.addcmul(grad, normed, along).mul_(inverse), None, None
        x, inverse, weight = saved
        # LayerNorm's backward for a mean of zero, but for the part that would have gone through the mean.
        by_x, by_weight, _ = torch.ops.aten.native_layer_norm_backward(
            grad, x, list(weight.shape), torch.zeros_like(inverse), inverse, weight, None, [True, True, False]
        )
        return by_x.addcmul_((grad @ weight).unsqueeze(-1), inverse, value=1 / x.shape[-1]), by_weight, None
