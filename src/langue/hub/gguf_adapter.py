"""Adapters in one GGUF file, as llama.cpp loads them beside a model (`--lora`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from langue.adapters import AdaptedLinear, AdapterConfig
from langue.errors import LangueError
from langue.extra import need
from langue.files import STAMP, replacing, write_stamp
from langue.hub.checkpoint import PretrainedModel
from langue.hub.gguf import append, architecture_of, declare, keys_of
from langue.hub.keys import parameter_keys
from langue.hub.pairs import pair_keys
from langue.models import Model
from langue.models.build import outline
from langue.nn.linear import linear_layers

gguf = need("gguf", "formats", "GGUF")

TABLE = "token_embd"
"""The matrix that is looked up, whose pair is kept the other way round."""


def write_adapter(checkpoint: PretrainedModel, folder: Path) -> None:
    """Write `adapter.gguf`, for a GGUF file of the base.

    Raises:
        LangueError: the model has no adapters, or llama.cpp has none like them.
    """
    model = checkpoint.model
    adapter = model.config.adapter
    if adapter is None:
        raise LangueError("the model has no adapters; write it whole: --format gguf")
    architecture, tensors = architecture_of(model.config), _tensors(model, adapter)
    with replacing(folder / "adapter.gguf") as place:
        writer = gguf.GGUFWriter(place, architecture)
        writer.add_string("langue.sha256", STAMP)  # first of all, so that it is found at the file's beginning
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.scale * adapter.rank)  # llama.cpp divides by the rank
        for name, numbers in tensors.items():
            declare(writer, name, numbers.shape, gguf.GGMLQuantizationType.F32)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for numbers in tensors.values():
            append(writer, numbers)
        writer.close()
        write_stamp(place)


def _tensors(model: Model, adapter: AdapterConfig) -> dict[str, np.ndarray]:
    """The pairs by name, in the order of rows that their architecture has.

    Raises:
        LangueError: llama.cpp would compute something else.
    """
    if adapter.kind == "dora":
        raise LangueError("llama.cpp has no DoRA; merge the adapters: --format gguf")
    blank = outline(model.config.replace(adapter=None))
    table = parameter_keys(keys_of(architecture_of(model.config)), blank)
    blocks = {place: layer.blocks for place, layer in linear_layers(blank).items()}
    layers, tensors = linear_layers(model), {}
    for key in pair_keys(table, blocks):
        layer = layers[key.ours]
        if not isinstance(layer, AdaptedLinear):
            continue
        if key.theirs == TABLE and model.config.tie_embeddings:
            raise LangueError("llama.cpp has no adapter of a head that is the embedding; merge it: --format gguf")
        pair = key.take(layer)
        if not pair.is_nothing:
            down, up = (pair.up, pair.down.mT) if key.theirs == TABLE else (pair.down, pair.up)
            tensors |= {f"{key.theirs}.weight.lora_a": _numbers(down), f"{key.theirs}.weight.lora_b": _numbers(up)}
    return tensors


def _numbers(part: Tensor) -> np.ndarray:
    return np.ascontiguousarray(part.float().cpu().numpy())
