"""Normalisation over the last dimension: LayerNorm, RMSNorm, or none."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.tracing import is_exporting

NormKind = Literal["layer", "rms", "none"]


class LayerNorm(nn.Module):
    """LayerNorm (Ba, Kiros & Hinton 2016, section 3), whose shift is optional."""

    def __init__(self, width: int, epsilon: float, bias: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


class RMSNorm(nn.Module):
    """RMSNorm (Zhang & Sennrich 2019, equation 4)."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.epsilon)


def rms_norm(x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """x / √(mean(x²) + ε), times a weight (width,) if there is one, over the last dimension."""
    if is_exporting():
        normed = x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
        return normed if weight is None else normed * weight
    if x.device.type not in ("cpu", "meta") or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return F.rms_norm(x, x.shape[-1:], weight, epsilon)
    return _RMSNorm.apply(x, weight, epsilon)


class _RMSNorm(torch.autograd.Function):
    """On a CPU torch puts RMSNorm together from small operations; this takes half of their time, forward and back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
        inverse = (torch.linalg.vecdot(x, x) / x.shape[-1] + epsilon).rsqrt_().unsqueeze(-1)
        normed = x * inverse
        if weight is None:
            ctx.save_for_backward(normed, inverse)
            return normed
        ctx.save_for_backward(x, inverse, weight)
        return normed.mul_(weight)

    @staticmethod
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


def make_norm(kind: NormKind, width: int, epsilon: float, bias: bool) -> nn.Module:
    """The norm of a kind for vectors of a width; `bias` matters to LayerNorm alone."""
    if kind == "layer":
        return LayerNorm(width, epsilon, bias)
    if kind == "rms":
        return RMSNorm(width, epsilon)
    return nn.Identity()
