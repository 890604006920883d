"""How much each position looks at each other one, block by block: for pictures, so speed does not matter."""

from __future__ import annotations

from torch import Tensor

from langue.models.stack import Stack
from langue.nn.block import Block, Sublayer
from langue.nn.layout import Layout
from langue.nn.state import EncoderOutput


def look(stack: Stack, x: Tensor, layout: Layout, memory: EncoderOutput | None = None) -> list[Tensor]:
    """(B, heads, T, S) for each block: of its cross-attention where there is a memory, else of its mixer.

    Blocks whose mixer has no such weights are left out.
    """
    x = stack.enter(x, layout)
    found = []
    for block in stack.blocks:
        assert isinstance(block, Block)
        weights = _mixer_weights(block, x, layout) if memory is None else _cross_weights(block, x, layout, memory)
        if weights is not None:
            found.append(weights)
        x = block(x, layout, None, memory)
    return found


def _mixer_weights(block: Block, x: Tensor, layout: Layout) -> Tensor | None:
    x, wrap = block.open(x), block.sublayers[block.place]
    assert isinstance(wrap, Sublayer)
    return block.mixer.weights(wrap.norm(x) if wrap.place == "pre" else x, layout)


def _cross_weights(block: Block, x: Tensor, layout: Layout, memory: EncoderOutput) -> Tensor | None:
    assert block.cross is not None
    mixed = block.sublayers[block.place](block.open(x), lambda y: block.mixer(y, layout))
    wrap = block.sublayers[block.place + 1]
    assert isinstance(wrap, Sublayer)
    return block.cross.weights(wrap.norm(mixed) if wrap.place == "pre" else mixed, memory)
