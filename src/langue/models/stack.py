"""A stack: positions, blocks and the last norm, built from a configuration."""

from __future__ import annotations

import math

from torch import Tensor, nn

from langue.models.config import ModelConfig
from langue.nn.attention import Attention, CrossAttention
from langue.nn.block import Block, Sublayer
from langue.nn.classic_attention import ClassicAttention
from langue.nn.convolution import Convolution
from langue.nn.dropout import Dropout
from langue.nn.feedforward import Feedforward
from langue.nn.layout import Layout
from langue.nn.linear import Linear
from langue.nn.mixer import Mixer
from langue.nn.norm import make_norm
from langue.nn.position import LearnedPosition, Position, RelativePosition, SinusoidalPosition
from langue.nn.recurrent import Recurrent
from langue.nn.rotary import RotaryPosition
from langue.nn.state import Memory, State
from langue.nn.window import Window


class Stack(nn.Module):
    """Embedded tokens (B, T, embedding width) in, hidden vectors (B, T, width) out.

    Args:
        config: what the blocks are made of.
        causal: positions see their past only.
        memory_width: width of the encoded source that the blocks look at; None for blocks that look at none.
    """

    def __init__(self, config: ModelConfig, *, causal: bool, memory_width: int | None = None):
        super().__init__()
        self.causal = causal
        width, outside = config.width, config.resolved_embedding_width
        # A shortcut needs the same width on both sides; without it the first mixer itself changes the width.
        self.projection = Linear(outside, (width,), config.bias) if config.residual and outside != width else None
        inside = outside if self.projection is None else width
        self.position = _make_position(config, inside)
        self.embedding_norm = _norm(config, inside) if config.embedding_norm else nn.Identity()
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            _make_block(config, inside if number == 0 else width, causal, memory_width)
            for number in range(config.layers)
        )
        normed = config.norm_place == "post" or config.block == "conformer"
        self.norm = nn.Identity() if normed else _norm(config, width)

    def start(self) -> State:
        """A state that has seen nothing."""
        return State([block.start() for block in self.blocks if isinstance(block, Block)])

    def forward(self, x: Tensor, layout: Layout, state: State | None = None, memory: Memory | None = None) -> Tensor:
        x = self.enter(x, layout)
        for number, block in enumerate(self.blocks):
            x = block(x, layout, None if state is None else state.layers[number], memory)
        if state is not None:
            state.length += layout.length
            state.valid = layout.valid
            state.paths = layout.paths
        return self.norm(x)

    def enter(self, x: Tensor, layout: Layout) -> Tensor:
        """What the first block gets: the embeddings with all that stands between them and the blocks."""
        if self.projection is not None:
            x = self.projection(x)
        added = self.position.added(layout.positions()[:, layout.past :])
        if added is not None:
            x = x + added
        self.position.guide(layout)
        return self.dropout(self.embedding_norm(x))


def _make_block(config: ModelConfig, input_width: int, causal: bool, memory_width: int | None) -> Block:
    if config.block == "conformer":
        return _make_conformer(config, input_width, causal, memory_width)
    mixer = _make_mixer(config, input_width, causal)
    sublayers = [_sublayer(config, input_width if config.norm_place == "pre" else config.width)]
    cross = feedforward = None
    if memory_width is not None:
        cross = _make_cross(config, memory_width)
        sublayers.append(_sublayer(config, config.width))
    if config.feedforward != "none":
        feedforward = _make_feedforward(config)
        sublayers.append(_sublayer(config, config.width))
    return Block(mixer, cross, feedforward, sublayers)


def _make_conformer(config: ModelConfig, width: int, causal: bool, memory_width: int | None) -> Block:
    cross = None if memory_width is None else _make_cross(config, memory_width)
    steps = [0.5, 1.0, 1.0, 0.5] if cross is None else [0.5, 1.0, 1.0, 1.0, 0.5]
    return Block(
        _make_mixer(config, width, causal),
        cross,
        _make_feedforward(config),
        [_sublayer(config, width, step) for step in steps],
        opening=_make_feedforward(config),
        convolution=Convolution(
            width, size=config.convolution, causal=causal, norm=_norm(config, width), bias=config.bias
        ),
        norm=_norm(config, width),
    )


def _make_feedforward(config: ModelConfig) -> Feedforward:
    assert config.feedforward != "none"
    return Feedforward(config.feedforward, config.width, config.resolved_feedforward_width, bias=config.bias)


def _make_cross(config: ModelConfig, memory_width: int) -> CrossAttention | ClassicAttention:
    if config.cross != "attention":
        return ClassicAttention(config.cross, config.width, memory_width, bias=config.bias)
    return CrossAttention(
        config.width,
        memory_width,
        heads=config.heads,
        head_width=config.resolved_head_width,
        bias=config.bias,
        scale=config.score_scale,
        dropout=config.dropout,
    )


def _make_mixer(config: ModelConfig, input_width: int, causal: bool) -> Mixer:
    if config.mixer == "attention":
        return Attention(
            input_width,
            config.width,
            heads=config.heads,
            key_heads=config.resolved_key_heads,
            head_width=config.resolved_head_width,
            bias=config.resolved_attention_bias,
            norm=config.query_key_norm,
            epsilon=config.query_key_norm_epsilon,
            window=config.window,
            scale=config.score_scale,
            dropout=config.dropout,
        )
    if config.mixer == "window":
        assert config.window is not None
        return Window(input_width, config.width, size=config.window, causal=causal)
    return Recurrent(config.mixer, input_width, config.width, causal=causal)


def _make_position(config: ModelConfig, width: int) -> Position:
    if config.position == "learned":
        return LearnedPosition(config.context, width, config.position_offset)
    if config.position == "sinusoidal":
        return SinusoidalPosition(width)
    if config.position == "rotary":
        return RotaryPosition(config.context, config.resolved_head_width, config.rotary_theta, config.rotary_scaling)
    if config.position == "relative":
        return RelativePosition(config.heads, config.relative_buckets, config.relative_reach)
    return Position()


def _norm(config: ModelConfig, width: int) -> nn.Module:
    return make_norm(config.norm, width, config.norm_epsilon, config.bias)


def _sublayer(config: ModelConfig, norm_width: int, step: float = 1.0) -> Sublayer:
    norm = _norm(config, norm_width)
    return Sublayer(norm, place=config.norm_place, residual=config.residual, dropout=config.dropout, step=step)


def embedding_scale(config: ModelConfig) -> float:
    """What embeddings are multiplied by."""
    return math.sqrt(config.resolved_embedding_width) if config.embedding_scale else 1.0
