"""Pairs of thin matrices by a family's table of keys, in both directions: adapters as other programs keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from langue.adapters import AdaptedLinear
from langue.hub.keys import ParameterKey


class ThinPair(NamedTuple):
    """An adapter of one matrix W (out, in), which becomes W + s·up·down.

    Attributes:
        down: (rank, in).
        up: (out, rank).
        magnitude: (out,) lengths of the rows, of DoRA alone.
    """

    down: Tensor
    up: Tensor
    magnitude: Tensor | None = None

    @property
    def is_nothing(self) -> bool:
        """True if it changes nothing, and never will: no gradient comes through a pair of zeros."""
        return not self.down.any() and not self.up.any()


@dataclass(frozen=True)
class PairKey:
    """A matrix of theirs, and the blocks of a layer of ours that it holds.

    Attributes:
        ours: the place of our layer.
        theirs: the name of their matrix, without ".weight".
        line: the place of our matrix in the table of keys.
        number: of theirs in that line.
        blocks: the numbers of our blocks: one, or all where theirs is one matrix of what ours stacks.
    """

    ours: str
    theirs: str
    line: ParameterKey
    number: int
    blocks: tuple[int, ...]

    @property
    def out(self) -> slice:
        """The rows of our matrix that theirs is."""
        first = sum(self.line.rows[: self.number])
        return slice(first, first + self.line.rows[self.number])

    @torch.no_grad()
    def put(self, layer: AdaptedLinear, pair: ThinPair) -> None:
        """Give a layer a pair, whose rank may be lower than the layer's."""
        rank, turned = pair.down.shape[0], replace(self.line, key=replace(self.line.key, turned=False))
        for block in self.blocks:
            layer.down[block * layer.rank : block * layer.rank + rank] = pair.down
        up = layer.up[self.out, :rank]
        up.copy_(turned.view(self.number, pair.up).reshape(up.shape))
        if layer.magnitude is not None and pair.magnitude is not None:
            magnitude = layer.magnitude[self.out]
            magnitude.copy_(turned.view(self.number, pair.magnitude).reshape(magnitude.shape))

    def take(self, layer: AdaptedLinear) -> ThinPair:
        """The pair of a layer; of several blocks one of their ranks together, unless they read their input alike."""
        downs = [layer.down.detach().split(layer.rank)[block] for block in self.blocks]
        ups = [layer.up.detach().split(layer.blocks)[block] for block in self.blocks]
        if all(torch.equal(down, downs[0]) for down in downs):
            down, up = downs[0], torch.cat(ups)
        else:
            down, up = torch.cat(downs), torch.block_diag(*ups)
        magnitude = None if layer.magnitude is None else self._theirs(layer.magnitude.detach()[self.out])
        return ThinPair(down.clone(), self._theirs(up), magnitude)

    def _theirs(self, rows: Tensor) -> Tensor:
        """Rows in the order that theirs have."""
        return self.line.unview(self.number, rows).clone(memory_format=torch.contiguous_format)


def pair_keys(table: Sequence[ParameterKey], blocks: dict[str, tuple[int, ...]]) -> list[PairKey]:
    """All matrices of a table that can have a pair.

    Args:
        table: from `parameter_keys`, of the model without adapters.
        blocks: rows of each stacked matrix, by the place of its layer.
    """
    keys = []
    for line in table:
        place = line.ours.removesuffix(".weight")
        if place == line.ours or place not in blocks:
            continue
        every = tuple(range(len(blocks[place])))
        for number, name in enumerate(line.theirs):
            own = every if len(line.theirs) == 1 else (number,)
            keys.append(PairKey(place, name.removesuffix(".weight"), line, number, own))
    return keys
