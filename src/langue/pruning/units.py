"""Units of a layer: its heads or channels, none of which knows of the others until their outputs are added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from langue.nn.attention import Attention, CrossAttention
from langue.nn.feedforward import Feedforward
from langue.nn.linear import LinearLayer


@dataclass(frozen=True)
class UnitLayer:
    """A layer of units.

    Attributes:
        kind: "heads" or "feedforward".
        layer: the layer itself.
        count: its units: channels, or heads of keys with the heads of queries that they serve.
        size: heads of queries, or channels, in a unit.
    """

    kind: str
    layer: Attention | CrossAttention | Feedforward
    count: int
    size: int = 1

    @property
    def output(self) -> LinearLayer:
        """The matrix whose columns take the units up."""
        return self.layer.output

    def cut(self, kept: Tensor) -> dict[str, Tensor]:
        """The layer's parameters without the units that are not kept, by name."""
        parameters: dict[str, Tensor] = dict(self.layer.named_parameters())
        for name, child in self.layer.named_children():
            if not isinstance(child, LinearLayer):
                continue
            if child is self.output:
                parameters[f"{name}.weight"] = child.matrix()[:, self.places(child.in_features, kept)]
                continue
            rows = self._rows(child.blocks, kept)
            for part, value in child.plain().items():
                parameters[f"{name}.{part}"] = value[rows]
        return parameters

    def places(self, width: int, kept: Tensor) -> Tensor:
        """Places of the kept units among `width` numbers that all units share evenly."""
        return torch.arange(width, device=kept.device).view(self.count, -1)[kept].flatten()

    def _rows(self, blocks: tuple[int, ...], kept: Tensor) -> Tensor:
        """Rows of the kept units in matrices that are stacked, each of which they share evenly."""
        starts = [sum(blocks[:number]) for number in range(len(blocks))]
        return torch.cat([start + self.places(rows, kept) for start, rows in zip(starts, blocks, strict=True)])


def unit_layers(block: nn.Module) -> Iterator[tuple[str, UnitLayer]]:
    """The layers of a block that have units, by their names in it.

    Heads that are normed together are none, nor are those of attention to a source, of which a block has as many.
    """
    joint = any(isinstance(layer, Attention) and layer.shares_norm for layer in block.modules())
    for name, layer in block.named_modules():
        if joint and isinstance(layer, Attention | CrossAttention):
            continue
        if isinstance(layer, Attention):
            yield name, UnitLayer("heads", layer, layer.key_heads, layer.heads // layer.key_heads)
        elif isinstance(layer, CrossAttention):
            yield name, UnitLayer("heads", layer, layer.heads)
        elif isinstance(layer, Feedforward):
            yield name, UnitLayer("feedforward", layer, layer.output.in_features)
