"""A block: mix the positions, look at the source if there is one, feed forward, each with its norm and shortcut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from langue.nn.attention import CrossAttention
from langue.nn.classic_attention import ClassicAttention
from langue.nn.dropout import Dropout
from langue.nn.layout import Layout
from langue.nn.mixer import Mixer
from langue.nn.state import LayerState, Memory

NormPlace = Literal["pre", "post"]


class Sublayer(nn.Module):
    """Where a layer's norm, dropout and shortcut stand around it.

    pre:  x + dropout(f(norm(x)))      (Xiong et al. 2020)
    post: norm(x + dropout(f(x)))      (Vaswani et al. 2017)

    Without the shortcut "x +" falls away, and f may change the width.
    """

    def __init__(self, norm: nn.Module, *, place: NormPlace, residual: bool, dropout: float):
        super().__init__()
        self.norm = norm
        self.place = place
        self.residual = residual
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layer: Callable[[Tensor], Tensor]) -> Tensor:
        y = self.dropout(layer(self.norm(x) if self.place == "pre" else x))
        if self.residual:
            y = x + y
        return self.norm(y) if self.place == "post" else y


class Block(nn.Module):
    """Mixer, optional cross-attention, optional feedforward; `sublayers` holds one wrapper for each, in this order."""

    def __init__(
        self,
        mixer: Mixer,
        cross: CrossAttention | ClassicAttention | None,
        feedforward: nn.Module | None,
        sublayers: list[Sublayer],
    ):
        super().__init__()
        self.mixer = mixer
        self.cross = cross
        self.feedforward = feedforward
        self.sublayers = nn.ModuleList(sublayers)

    def start(self) -> list[LayerState]:
        """Empty states of the mixer and the cross-attention."""
        return [self.mixer.start()] + ([] if self.cross is None else [self.cross.start()])

    def forward(
        self, x: Tensor, layout: Layout, states: list[LayerState] | None = None, memory: Memory | None = None
    ) -> Tensor:
        """(B, T, input width) → (B, T, width)."""
        wrap = iter(self.sublayers)
        x = next(wrap)(x, lambda y: self.mixer(y, layout, states[0] if states else None))
        if self.cross is not None:
            cross = self.cross
            assert memory is not None
            x = next(wrap)(x, lambda y: cross(y, memory, states[1] if states else None))
        if self.feedforward is not None:
            x = next(wrap)(x, self.feedforward)
        return x
