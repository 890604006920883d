"""Matrices of few bits in GGUF files: the blocks of a file in a model's memory, and those of a model in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.hub.gguf_file import GGUFFile
from langue.hub.keys import ParameterKey, to_halves, to_neighbours
from langue.nn.linear import LinearLayer, linear_layers
from langue.quantization import QuantizationConfig
from langue.quantization.format import Format
from langue.quantization.formats import FORMATS
from langue.quantization.ggml import GGMLFormat
from langue.quantization.linear import QuantizedLinear, StackedLinear
from langue.quantization.settings import FormatName

_WEIGHT = ".weight"


def kept_formats(file: GGUFFile, table: Sequence[ParameterKey], outline: nn.Module) -> QuantizationConfig | None:
    """The configuration of a model that keeps the blocks of a file; None if it has none that can be kept."""
    matrices = {f"{place}{_WEIGHT}" for place in linear_layers(outline)}
    kept = {}
    for place in table:
        names = [file.tensors[name].kind.lower() for name in place.theirs]
        if place.ours in matrices and all(isinstance(FORMATS.get(name), GGMLFormat) for name in names):
            alike = names[:1] if len(set(names)) == 1 else names
            kept[place.ours.removesuffix(_WEIGHT)] = tuple(cast(FormatName, name) for name in alike)
    return QuantizationConfig(format=None, kept=kept) if kept else None


@torch.no_grad()
def keep_blocks(file: GGUFFile, place: ParameterKey, layer: LinearLayer) -> None:
    """Copy the blocks of a matrix, or of those that it stacks, from a file."""
    parts = []
    for number, name in enumerate(place.theirs):
        part = torch.from_numpy(file.packed(name))
        parts.append(to_neighbours(part, place.head_width) if number < place.key.rotary else part)
    if isinstance(layer, QuantizedLinear):
        layer.load({"packed": torch.cat(parts)})
    else:
        assert isinstance(layer, StackedLinear)
        for own, part in zip(layer.layers, parts, strict=True):
            cast(QuantizedLinear, own).load({"packed": part})


def blocks_of(model: nn.Module, table: Sequence[ParameterKey]) -> dict[str, tuple[str, Tensor]]:
    """The matrices that a model holds in GGUF's blocks: kind and rows of bytes of each of a file's tensors, by name.

    Raises:
        LangueError: a matrix has factors for its inputs, which GGUF has no place for.
    """
    layers, blocks = linear_layers(model), {}
    for place in table:
        layer = layers.get(place.ours.removesuffix(_WEIGHT))
        for number, (name, (format, packed)) in enumerate(zip(place.theirs, _parts(layer, place), strict=False)):
            part = to_halves(packed, place.head_width) if number < place.key.rotary else packed
            blocks[name] = (format.name.upper(), part.cpu())
    return blocks


def _parts(layer: LinearLayer | None, place: ParameterKey) -> Iterator[tuple[Format, Tensor]]:
    """The format and the bytes of each matrix that a layer stacks; nothing of one without GGUF's blocks."""
    if isinstance(layer, StackedLinear):
        yield from ((own.format, own.held["packed"]) for own in cast(list[QuantizedLinear], list(layer.layers)))
    elif isinstance(layer, QuantizedLinear) and isinstance(layer.format, GGMLFormat):
        if layer.smooth is not None:
            raise LangueError("a GGUF file has no place for the factors of awq; shrink the model with --method gptq")
        yield from ((layer.format, part) for part in layer.held["packed"].split(list(place.rows)))
