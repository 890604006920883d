"""Normalisation over the last dimension: LayerNorm, RMSNorm with two ways to weigh, or none."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.nn.roles import GAIN, SHIFT

NormKind = Literal["layer", "rms", "rms_offset", "none"]


class LayerNorm(nn.Module):
    """LayerNorm (Ba, Kiros & Hinton 2016, section 3), whose shift is optional."""

    def __init__(self, width: int, epsilon: float, bias: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.epsilon = epsilon
        self.roles = {"weight": GAIN, **({"bias": SHIFT} if bias else {})}

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


class RMSNorm(nn.Module):
    """RMSNorm (Zhang & Sennrich 2019, equation 4)."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon
        self.roles = {"weight": GAIN}

    def forward(self, x: Tensor) -> Tensor:
        return kernels.rms_norm(x, self.weight, self.epsilon)


class OffsetRMSNorm(nn.Module):
    """RMSNorm that multiplies by 1 + weight, so that its weights are zeros where it leaves sizes alone (Gemma)."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon
        self.roles = {"weight": SHIFT}

    def forward(self, x: Tensor) -> Tensor:
        return kernels.rms_norm(x, 1 + self.weight, self.epsilon)


def make_norm(kind: NormKind, width: int, epsilon: float, bias: bool) -> nn.Module:
    """The norm of a kind for vectors of a width; `bias` matters to LayerNorm alone."""
    if kind == "layer":
        return LayerNorm(width, epsilon, bias)
    if kind == "rms":
        return RMSNorm(width, epsilon)
    if kind == "rms_offset":
        return OffsetRMSNorm(width, epsilon)
    return nn.Identity()
