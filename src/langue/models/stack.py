"""A stack: positions, blocks and the last norm, built from the specifications of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from langue import kernels
from langue.models.config import ModelConfig
from langue.models.layers import (
    CrossSpec,
    DisentangledSpec,
    FeedforwardSpec,
    LayerSpec,
    NormSpec,
    PositionSpec,
    RotarySpec,
    WindowSpec,
)
from langue.nn.attention import Attention, AttentionSpec, CrossAttention
from langue.nn.block import Block, Sublayer
from langue.nn.classic_attention import ClassicAttention
from langue.nn.convolution import Convolution
from langue.nn.dropout import Dropout
from langue.nn.feedforward import Bottleneck, Feedforward
from langue.nn.layout import Layout
from langue.nn.linear import make_linear
from langue.nn.mixer import Mixer
from langue.nn.norm import make_norm
from langue.nn.position import (
    AttentionPosition,
    DisentangledPosition,
    EmbeddingPosition,
    LearnedPosition,
    RelativePosition,
    SinusoidalPosition,
)
from langue.nn.recurrent import Recurrent
from langue.nn.roles import matrix
from langue.nn.rotary import RotaryPosition
from langue.nn.state import EncoderOutput, State
from langue.nn.window import WindowMixer


class Stack(nn.Module):
    """Embedded tokens (B, T, embedding width) in, hidden vectors (B, T, width) out.

    Args:
        config: what the layers are made of.
        causal: positions see their past only.
        memory_width: width of the encoder output that the blocks attend to; None for blocks without cross-attention.
    """

    def __init__(self, config: ModelConfig, *, causal: bool, memory_width: int | None = None):
        super().__init__()
        self.config, self.causal = config, causal
        width, outside, first = config.width, config.resolved_embedding_width, config.layer_pattern[0]
        # A shortcut needs the same width on both sides; without it the first mixer itself changes the width.
        widens = first.residual and outside != width
        self.projection = make_linear(outside, (width,), config.bias, matrix("projection")) if widens else None
        inside = outside if self.projection is None else width
        norm = config.norm_spec()
        self.position = _make_position(config, inside)
        self.embedding_norm = _norm(norm, inside) if config.embedding_norm else nn.Identity()
        self.dropout = Dropout(config.dropout)
        guides = config.attention_positions
        self.attention_positions = nn.ModuleList(_make_guide(spec, config.context) for spec in guides)
        self.blocks = nn.ModuleList(
            _make_block(spec, guides, inside if number == 0 else width, causal, memory_width)
            for number, spec in enumerate(config.layer_specs)
        )
        self.recompute = False
        last = config.layer_pattern[-1]
        self.norm = nn.Identity() if last.is_normed else _norm(norm, width)

    def start(self) -> State:
        """A state that has seen nothing."""
        return State([block.start() for block in self.blocks if isinstance(block, Block)])

    def forward(
        self, x: Tensor, layout: Layout, state: State | None = None, memory: EncoderOutput | None = None
    ) -> Tensor:
        x = self.enter(x, layout)
        again = self.recompute and state is None and torch.is_grad_enabled()
        for number, block in enumerate(self.blocks):
            if again:
                x = checkpoint(kernels.repeatable(block), x, layout, None, memory, use_reentrant=False)
            else:
                x = block(x, layout, None if state is None else state.layers[number], memory)
        if state is not None:
            state.length += layout.length
            state.valid = layout.valid
            state.page_table = layout.page_table
        return self.norm(x)

    def enter(self, x: Tensor, layout: Layout) -> Tensor:
        """The input of the first block: embeddings with their positions, normed and dropped out."""
        if self.projection is not None:
            x = self.projection(x)
        added = self.position.added(layout.positions()[:, layout.past :])
        if added is not None:
            x = x + added
        layout.guides = [
            position.guide(layout) for position in self.attention_positions if isinstance(position, AttentionPosition)
        ]
        return self.dropout(self.embedding_norm(x))

    def attention_weights(self, x: Tensor, layout: Layout) -> list[Tensor]:
        """(B, heads, T, S) for each block that has attention; for pictures, so speed does not matter."""
        x, weights = self.enter(x, layout), []
        for block in self.blocks:
            assert isinstance(block, Block)
            weights.append(block.attention_weights(x, layout))
            x = block(x, layout)
        return [attended for attended in weights if attended is not None]


def _make_block(
    spec: LayerSpec, guides: Sequence[PositionSpec], input_width: int, causal: bool, memory_width: int | None
) -> Block:
    position = None if spec.position is None else guides.index(spec.position)
    mixer = _make_mixer(spec, input_width, causal, position)
    cross = None if memory_width is None or spec.cross is None else _make_cross(spec, spec.cross, memory_width)
    if spec.block == "conformer":
        return _make_conformer(spec, mixer, cross, input_width, causal)
    sublayers = [_sublayer(spec, input_width)]
    if not spec.mixer_norm:
        sublayers[0].norm = nn.Identity()
    if cross is not None:
        sublayers.append(_sublayer(spec, spec.width))
    feedforward = None
    if spec.feedforward is not None:
        feedforward = _make_feedforward(spec, spec.feedforward)
        sublayers.append(_sublayer(spec, spec.width))
    bottleneck = None if spec.bottleneck is None else Bottleneck(spec.width, spec.bottleneck)
    return Block(mixer, cross, feedforward, sublayers, bottleneck=bottleneck, parallel=spec.block == "parallel")


def _make_conformer(
    spec: LayerSpec, mixer: Mixer, cross: CrossAttention | ClassicAttention | None, width: int, causal: bool
) -> Block:
    assert spec.feedforward is not None
    assert spec.convolution is not None
    steps = [0.5, 1.0, 1.0, 0.5] if cross is None else [0.5, 1.0, 1.0, 1.0, 0.5]
    return Block(
        mixer,
        cross,
        _make_feedforward(spec, spec.feedforward),
        [_sublayer(spec, width, step) for step in steps],
        opening=_make_feedforward(spec, spec.feedforward),
        convolution=Convolution(
            width, size=spec.convolution, causal=causal, norm=_norm(spec.norm, width), bias=spec.bias
        ),
        norm=_norm(spec.norm, width),
    )


def _make_feedforward(spec: LayerSpec, feedforward: FeedforwardSpec) -> Feedforward:
    return Feedforward(feedforward.kind, spec.width, feedforward.width, bias=spec.bias)


def _make_cross(spec: LayerSpec, cross: CrossSpec, memory_width: int) -> CrossAttention | ClassicAttention:
    if cross.kind != "attention":
        return ClassicAttention(cross.kind, spec.width, memory_width, bias=spec.bias)
    return CrossAttention(
        spec.width,
        memory_width,
        heads=cross.heads,
        head_width=cross.head_width,
        bias=spec.bias,
        scale=cross.scale,
        dropout=spec.dropout,
    )


def _make_mixer(spec: LayerSpec, input_width: int, causal: bool, position: int | None) -> Mixer:
    mixer = spec.mixer
    if isinstance(mixer, AttentionSpec):
        return Attention(input_width, spec.width, mixer, dropout=spec.dropout, position=position)
    if isinstance(mixer, WindowSpec):
        return WindowMixer(input_width, spec.width, size=mixer.size, causal=causal)
    return Recurrent(mixer.kind, input_width, spec.width, causal=causal)


def _make_position(config: ModelConfig, width: int) -> EmbeddingPosition:
    if config.position == "learned":
        return LearnedPosition(config.context, width, config.position_offset)
    if config.position == "sinusoidal":
        return SinusoidalPosition(width, config.position_offset, closed=config.sinusoidal_closed)
    return EmbeddingPosition()


def _make_guide(spec: PositionSpec, context: int) -> AttentionPosition:
    if isinstance(spec, RotarySpec):
        return RotaryPosition(context, spec.head_width, spec.theta, spec.scaling)
    if isinstance(spec, DisentangledSpec):
        return DisentangledPosition(spec.width, spec.buckets, spec.reach, _norm(spec.norm, spec.width))
    return RelativePosition(spec.heads, spec.buckets, spec.reach)


def _norm(spec: NormSpec, width: int) -> nn.Module:
    return make_norm(spec.kind, width, spec.epsilon, spec.bias)


def _sublayer(spec: LayerSpec, input_width: int, step: float = 1.0) -> Sublayer:
    norm = _norm(spec.norm, input_width if spec.norm_place in ("pre", "sandwich") else spec.width)
    after = _norm(spec.norm, spec.width) if spec.norm_place == "sandwich" else None
    return Sublayer(norm, place=spec.norm_place, residual=spec.residual, dropout=spec.dropout, step=step, after=after)


def embedding_scale(config: ModelConfig) -> float:
    """The factor that embeddings are multiplied by."""
    return math.sqrt(config.resolved_embedding_width) if config.embedding_scale else 1.0
