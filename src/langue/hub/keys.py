"""Tensors by a family's table of keys, in both directions: what one way stacks and turns, the other takes apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from langue.hub.family import NOTHING, Key
from langue.models import Model, ModelConfig
from langue.nn.roles import roles


@dataclass(frozen=True)
class ParameterKey:
    """A parameter of ours and its place in theirs.

    Attributes:
        ours: its name.
        theirs: the names of what it is made of.
        key: the table's line.
        rows: of each of theirs in ours.
        head_width: width of an attention head.
        turned: numbers of a head that rotary positions turn.
        blocks: matrices that ours stacks.
    """

    ours: str
    theirs: tuple[str, ...]
    key: Key
    rows: tuple[int, ...]
    head_width: int
    turned: int
    blocks: int

    def view(self, number: int, part: Tensor) -> Tensor:
        """One of theirs as ours, in their memory where no row moves."""
        part = part.mT if self.key.turned and part.ndim == 2 else part
        part = part[0] if self.key.row else part
        if self.key.whole is None:
            return self._neighbours(number, part)
        if self.key.whole == "heads":
            part = part.unflatten(0, (-1, self.blocks, self.head_width)).transpose(0, 1).flatten(0, 2)
        apart = part.unflatten(0, (self.blocks, -1))
        return torch.cat([self._neighbours(block, rows) for block, rows in enumerate(apart)])

    def unview(self, number: int, part: Tensor) -> Tensor:
        """Rows of ours in the order that theirs have."""
        if self.key.whole is None:
            return self._halves(number, part)
        blocks = [self._halves(block, rows) for block, rows in enumerate(part.chunk(self.blocks))]
        if self.key.whole == "blocks":
            return torch.cat(blocks)
        return torch.stack([block.unflatten(0, (-1, self.head_width)) for block in blocks], 1).flatten(0, 2)

    def _neighbours(self, number: int, part: Tensor) -> Tensor:
        return to_neighbours(part, self.head_width, self.turned) if number < self.key.rotary else part

    def _halves(self, number: int, part: Tensor) -> Tensor:
        return to_halves(part, self.head_width, self.turned) if number < self.key.rotary else part

    def join(self, parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Our parameter, with zeros for what they have not; where it is just theirs, in their memory."""
        views = [self.view(number, part) for number, part in enumerate(parts)]
        if len(self.theirs) == 1 and views[0] is parts[0] and parts[0].dtype == dtype:
            return parts[0]
        shape = (parts[0].mT if self.key.turned else parts[0]).shape[2 if self.key.row else 1 :]
        joined, rest = torch.zeros((sum(self.rows), *shape), dtype=dtype), iter(views)
        for name, place in zip(self.theirs, joined.split(list(self.rows)), strict=True):
            if name != NOTHING:
                place.copy_(next(rest))
        return joined

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of those that there are."""
        return tuple(name for name in self.theirs if name != NOTHING)

    def shapes(self, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """The shapes of theirs, from that of ours."""
        rest = tuple(shape[1:])
        first = (1,) if self.key.row else ()
        shapes = {name: (*first, rows, *rest) for name, rows in zip(self.theirs, self.rows, strict=True) if name}
        return {name: size[::-1] if self.key.turned else size for name, size in shapes.items()}

    def split(self, parameter: Tensor) -> dict[str, Tensor]:
        """Theirs, by name."""
        tensors = {}
        for number, (name, part) in enumerate(zip(self.theirs, parameter.split(list(self.rows)), strict=True)):
            if name == NOTHING:
                continue
            part = self.unview(number, part)
            part = part[None] if self.key.row else part
            tensors[name] = part.mT if self.key.turned and part.ndim == 2 else part
        return tensors


def to_neighbours(part: Tensor, head_width: int, width: int | None = None) -> Tensor:
    """Rows (x_i, x_{i + width/2}) of each head beside each other; of its first `width` rows, where not of all."""
    return _reordered(part, head_width, width or head_width, (2, -1))


def to_halves(part: Tensor, head_width: int, width: int | None = None) -> Tensor:
    """The other way round."""
    return _reordered(part, head_width, width or head_width, (-1, 2))


def _reordered(part: Tensor, head_width: int, width: int, sizes: tuple[int, int]) -> Tensor:
    heads = part.unflatten(0, (-1, head_width))
    turned = heads[:, :width].unflatten(1, sizes).transpose(1, 2).flatten(1, 2)
    return torch.cat([turned, heads[:, width:]], 1).flatten(0, 1)


def parameter_keys(keys: Sequence[Key], model: Model, *, head: bool = True) -> list[ParameterKey]:
    """Places of a model's parameters by a table of keys; without `head` that of the words may have none."""
    places = []
    named = roles(model)
    for name, parameter in model.named_parameters():
        place = _place(keys, name, named[name].blocks, parameter.shape[0], model.config)
        if place is not None:
            places.append(place)
        elif head or not name.startswith("head."):
            raise AssertionError(f"the table of keys has no line for {name}")
    return places


def _place(
    keys: Iterable[Key], name: str, blocks: tuple[int, ...], rows: int, config: ModelConfig
) -> ParameterKey | None:
    width = config.resolved_head_width
    for key in keys:
        groups = key.match(name)
        if groups is not None:
            theirs = tuple(source.format(**groups) for source in key.sources)
            parts = blocks if len(theirs) > 1 else (rows,)
            if len(parts) == len(theirs):  # else another line knows it in fewer parts
                return ParameterKey(name, theirs, key, parts, width, config.rotary_width or width, len(blocks))
    return None
