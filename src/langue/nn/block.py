"""A block: mix the positions, attend to the source if there is one, feed forward, each with its norm and shortcut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal, cast

import torch
from torch import Tensor, nn

from langue.nn.attention import CrossAttention
from langue.nn.classic_attention import ClassicAttention
from langue.nn.convolution import Convolution
from langue.nn.dropout import Dropout
from langue.nn.layout import Layout
from langue.nn.mixer import Mixer
from langue.nn.state import EncoderOutput, LayerState

NormPlace = Literal["pre", "post", "output", "sandwich"]
BlockKind = Literal["plain", "parallel", "conformer"]


class Sublayer(nn.Module):
    """Norm, dropout and shortcut around a layer.

    pre:      x + dropout(f(norm(x)))          (Xiong et al. 2020)
    post:     norm(x + dropout(f(x)))          (Vaswani et al. 2017)
    output:   x + dropout(norm(f(x)))          (OLMo Team 2025, "2 OLMo 2 Furious", section 3.2)
    sandwich: x + dropout(after(f(norm(x))))   (Ding et al. 2021, "CogView", section 2.4)

    Without the shortcut "x +" falls away, and f may change the width. A step of less than 1 adds that share of f alone.
    """

    def __init__(
        self,
        norm: nn.Module,
        *,
        place: NormPlace,
        residual: bool,
        dropout: float,
        step: float = 1.0,
        after: nn.Module | None = None,
    ):
        super().__init__()
        self.norm = norm
        self.after = after or nn.Identity()
        self.place = place
        self.residual = residual
        self.step = step
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layer: Callable[[Tensor], Tensor]) -> Tensor:
        y = self.change(x, layer)
        if self.residual:
            y = torch.add(x, y, alpha=self.step)
        return self.norm(y) if self.place == "post" else y

    def read(self, x: Tensor) -> Tensor:
        """The layer's input."""
        return self.norm(x) if self.place in ("pre", "sandwich") else x

    def change(self, x: Tensor, layer: Callable[[Tensor], Tensor]) -> Tensor:
        """The addition to the shortcut."""
        y = layer(self.read(x))
        return self.dropout(self.norm(y) if self.place == "output" else self.after(y))


class Block(nn.Module):
    """Mixer, optional cross-attention, optional feedforward; `sublayers` holds one wrapper for each, in this order.

    A Conformer's (Gulati et al. 2020, section 2.4) has a feedforward layer before the mixer too, each of them with half
    a step, a convolution before the second, and ends with a norm. The layers of a parallel block (Wang & Komatsuzaki
    2021, GPT-J) all read its input, side by side.

    Args:
        mixer: where positions meet.
        cross: attention to the source.
        feedforward: the last layer.
        sublayers: wrappers of opening, mixer, cross, convolution and feedforward, of those that there are.
        opening: the first feedforward layer of a Conformer.
        convolution: of a Conformer.
        norm: of what comes out.
        bottleneck: the adapter behind all of it.
        parallel: all layers read the input.
    """

    def __init__(
        self,
        mixer: Mixer,
        cross: CrossAttention | ClassicAttention | None,
        feedforward: nn.Module | None,
        sublayers: list[Sublayer],
        *,
        opening: nn.Module | None = None,
        convolution: Convolution | None = None,
        norm: nn.Module | None = None,
        bottleneck: nn.Module | None = None,
        parallel: bool = False,
    ):
        super().__init__()
        self.parallel = parallel
        self.opening = opening
        self.mixer = mixer
        self.cross = cross
        self.convolution = convolution
        self.feedforward = feedforward
        self.sublayers = nn.ModuleList(sublayers)
        self.norm = nn.Identity() if norm is None else norm
        self.bottleneck = nn.Identity() if bottleneck is None else bottleneck
        self.place = 0 if opening is None else 1
        """Index of the mixer's wrapper."""

    def start(self) -> list[LayerState]:
        """Empty states of those layers that remember something."""
        layers = (self.mixer, self.cross, self.convolution)
        return [layer.start() for layer in layers if layer is not None]

    def forward(
        self, x: Tensor, layout: Layout, states: list[LayerState] | None = None, memory: EncoderOutput | None = None
    ) -> Tensor:
        """(B, T, input width) → (B, T, width)."""
        x = self._open(x)
        layers = self._layers(layout, states, memory)
        wrappers = cast(Iterable[Sublayer], islice(self.sublayers, self.place, None))
        pairs = list(zip(wrappers, layers, strict=True))
        if self.parallel:
            return self.bottleneck(self.norm(sum((wrap.change(x, layer) for wrap, layer in pairs), x)))
        for wrap, layer in pairs:
            x = wrap(x, layer)
        return self.bottleneck(self.norm(x))

    def _layers(
        self, layout: Layout, states: list[LayerState] | None, memory: EncoderOutput | None
    ) -> list[Callable[[Tensor], Tensor]]:
        """The layers behind the opening, each a function of its input alone."""
        layers: list[Callable[[Tensor], Tensor]] = [lambda y: self.mixer(y, layout, states[0] if states else None)]
        if self.cross is not None:
            cross = self.cross
            assert memory is not None
            layers.append(lambda y: cross(y, memory, states[1] if states else None))
        if self.convolution is not None:
            convolution = self.convolution
            layers.append(lambda y: convolution(y, layout, states[-1] if states else None))
        if self.feedforward is not None:
            layers.append(self.feedforward)
        return layers

    def attention_weights(self, x: Tensor, layout: Layout) -> Tensor | None:
        """(B, heads, T, S) of the mixer, if it is attention."""
        x, wrap = self._open(x), self.sublayers[self.place]
        assert isinstance(wrap, Sublayer)
        return self.mixer.weights(wrap.read(x), layout)

    def _open(self, x: Tensor) -> Tensor:
        """The input of the mixer's sublayer."""
        return x if self.opening is None else self.sublayers[0](x, self.opening)
