"""Rotary positions: pairs of numbers in queries and keys are turned by an angle that grows with the position."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from langue.nn.layout import Guide, Layout
from langue.nn.position import AttentionPosition
from langue.settings import Settings

FIRST = 4096
"""Positions of the table at first; one for a context of a million would be half a gigabyte, used or not."""


class RotaryScaling(Settings):
    """Stretching of rotary positions to a longer context than the model was first trained for."""

    kind: Literal["linear", "llama3", "yarn"]
    """linear slows all pairs (Chen et al. 2023, "Position interpolation"), llama3 and yarn those that turn slowly."""
    factor: float = Field(ge=1)
    """Ratio of the new context to the old."""
    original_context: int = Field(default=8192, ge=1)
    """The context before."""
    slow: float = Field(default=1.0, gt=0)
    """Pairs that turn less often than this over the original context are stretched wholly (llama3, yarn)."""
    fast: float = Field(default=4.0, gt=0)
    """Pairs that turn more often than this are left alone (llama3: 4, yarn: 32)."""
    attention_factor: float | None = Field(default=None, gt=0)
    """Factor of queries and keys (yarn); null takes 0.1 · ln(factor) + 1."""
    truncate: bool = True
    """yarn: round the pairs between which it fades to whole ones."""


class RotaryPosition(AttentionPosition):
    """Rotary positions (Su et al. 2021, section 3.2): neighbours (x_0, x_1), (x_2, x_3), … are turned as pairs.

    Other code bases pair x_i with x_{i + width/2} instead, which is the same model with the rows of its query and key
    projections in another order.
    """

    def __init__(self, context: int, head_width: int, theta: float, scaling: RotaryScaling | None = None):
        super().__init__()
        self.head_width = head_width
        self.theta = theta
        self.scaling = scaling
        table = self._table(min(context, FIRST)).to(torch.get_default_device())
        self.register_buffer("turns", table, persistent=False)

    def _table(self, length: int) -> Tensor:
        """(length, head width / 2, 2) fp32: cosine and sine of the angle of each position and pair."""
        # On the CPU, even where a model is only outlined: the meta device's arange imports all of torch's compiler.
        steps = torch.arange(0, self.head_width, 2, dtype=torch.float64, device="cpu") / self.head_width
        rates, size = self.theta**-steps, 1.0
        if self.scaling is not None:
            rates, size = scaled(rates, self.theta, self.scaling), attention_factor(self.scaling)
        angle = torch.arange(length, dtype=torch.float64, device="cpu")[:, None] * rates
        return (size * torch.stack([angle.cos(), angle.sin()], -1)).float()

    def guide(self, layout: Layout) -> Guide:
        total = layout.past + layout.length
        # A model that was cast to another precision took its table along, and gets an exact one again.
        if total > self.turns.shape[0] or self.turns.dtype != torch.float32:
            # What an evaluation makes, or a transform of torch.func, is used by whatever comes after it.
            with torch.inference_mode(False), torch._C._DisableFuncTorch():
                self.turns = self._table(2 * total).to(self.turns.device)
        if layout.valid is None and layout.documents is None:
            return Guide(rotation=self.turns[layout.past : total, None])
        return Guide(rotation=self.turns[layout.positions()[:, layout.past :]][:, :, None])


def scaled(rates: Tensor, theta: float, scaling: RotaryScaling) -> Tensor:
    """The turning rate of each pair, radians a position, after a context was stretched.

    llama3 fades between the wavelengths that fit `slow` and `fast` times into the original context (Grattafiori et al.
    2024, "The Llama 3 herd of models", section 3.4.2, in the form of its published code). yarn fades between the pairs
    themselves (Peng et al. 2023, "YaRN", section 3.2).
    """
    if scaling.kind == "linear":
        return rates / scaling.factor
    if scaling.kind == "llama3":
        turns = scaling.original_context * rates / (2 * math.pi)
        kept = ((turns - scaling.slow) / (scaling.fast - scaling.slow)).clamp(0, 1)
    else:
        width = 2 * len(rates)
        low, high = (
            width * math.log(scaling.original_context / (turns * 2 * math.pi)) / (2 * math.log(theta))
            for turns in (scaling.fast, scaling.slow)
        )
        if scaling.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, width - 1)
        pair = torch.arange(len(rates), dtype=rates.dtype, device="cpu")
        kept = 1 - ((pair - low) / max(high - low, 1e-3)).clamp(0, 1)
    return kept * rates + (1 - kept) * rates / scaling.factor


def attention_factor(scaling: RotaryScaling) -> float:
    """The factor of queries and keys (YaRN, section 3.4)."""
    if scaling.kind != "yarn":
        return 1.0
    return scaling.attention_factor or 0.1 * math.log(scaling.factor) + 1.0
