"""The base of all mixers: layers in which the positions of a sequence exchange information."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from langue.nn.layout import Layout
from langue.nn.state import LayerState


class Mixer(nn.Module):
    """Maps (B, T, input width) to (B, T, width); the one place where positions meet."""

    @abstractmethod
    def start(self) -> LayerState:
        """An empty state."""

    @abstractmethod
    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        """Mix the new positions with each other and with those that the state remembers, and remember them."""

    def weights(self, x: Tensor, layout: Layout) -> Tensor | None:
        """(B, heads, T, S) attention weights, of mixers that have any."""
        return None
