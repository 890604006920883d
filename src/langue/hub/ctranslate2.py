"""Whispers as CTranslate2 keeps them, which is what users of faster-whisper have: a flat file of named arrays."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.errors import LangueError, reading
from langue.hub.checkpoint import PretrainedModel
from langue.hub.cursor import Cursor
from langue.hub.family import Key
from langue.hub.folder import CONFIG, CTRANSLATE2, SPECIFICATION, read_if_there
from langue.hub.keys import parameter_keys
from langue.hub.tokenizer import read_tokenizer
from langue.models import ModelConfig
from langue.models.build import empty
from langue.settings import parse
from langue.text.whisper_tokens import WhisperTokens, is_whispers

VERSION = 6
GELU = 3
"""CTranslate2's number for it."""

_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "bfloat16"}


def _norm(ours: str, theirs: str) -> tuple[Key, Key]:
    return Key(f"{ours}.weight", f"{theirs}/gamma"), Key(f"{ours}.bias", f"{theirs}/beta")


def _side(ours: str, theirs: str, cross: bool) -> tuple[Key, ...]:
    """The keys of one side."""
    block, layer = f"{ours}.blocks.{{layer}}", f"{theirs}/layer_{{layer}}"
    crossing = (
        Key(f"{block}.cross.query.{{part}}", f"{layer}/attention/linear_0/{{part}}"),
        Key(f"{block}.cross.key_value.{{part}}", f"{layer}/attention/linear_1/{{part}}"),
        Key(f"{block}.cross.output.{{part}}", f"{layer}/attention/linear_2/{{part}}"),
        *_norm(f"{block}.sublayers.1.norm", f"{layer}/attention/layer_norm"),
    )
    return (
        Key(f"{block}.mixer.query_key_value.{{part}}", f"{layer}/self_attention/linear_0/{{part}}"),
        Key(f"{block}.mixer.output.{{part}}", f"{layer}/self_attention/linear_1/{{part}}"),
        *_norm(f"{block}.sublayers.0.norm", f"{layer}/self_attention/layer_norm"),
        *(crossing if cross else ()),
        Key(f"{block}.feedforward.input.{{part}}", f"{layer}/ffn/linear_0/{{part}}"),
        Key(f"{block}.feedforward.output.{{part}}", f"{layer}/ffn/linear_1/{{part}}"),
        *_norm(f"{block}.sublayers.{2 if cross else 1}.norm", f"{layer}/ffn/layer_norm"),
        Key(f"{ours}.position.weight", f"{theirs}/position_encodings/encodings"),
        *_norm(f"{ours}.norm", f"{theirs}/layer_norm"),
    )


_KEYS = (
    Key("embedding.table.weight", "decoder/embeddings/weight"),
    Key("front_end.layers.0.{part}", "encoder/conv1/{part}"),
    Key("front_end.layers.1.{part}", "encoder/conv2/{part}"),
    *_side("encoder", "encoder", False),
    *_side("stack", "decoder", True),
)


def read_ctranslate2(path: Path) -> PretrainedModel:
    """A Whisper, in fp32 whatever it is kept in: float32, float16, bfloat16, or int8 with a scale for each row.

    Raises:
        LangueError: the file is damaged, or of a version or a model that Langue does not know.
    """
    with reading(path / CTRANSLATE2):
        arrays = _read(path / CTRANSLATE2)
        config = _config(arrays, path)
    tokenizer = read_tokenizer(path)
    if tokenizer is not None and is_whispers(tokenizer):
        config = config.replace(decoder_start_token_id=WhisperTokens(tokenizer, config.vocab_size).start)
    model = empty(config)
    state: dict[str, Tensor] = {}
    for place in parameter_keys(_KEYS, model):
        (name,), shape = place.theirs, model.get_parameter(place.ours).shape
        state[place.ours] = tensor = _tensor(arrays, name, path)
        if tensor.shape != shape:
            fault = f"{name} should be {tuple(shape)} but is {tuple(tensor.shape)}"
            raise LangueError(f"{path / CTRANSLATE2} is damaged: {fault}")
    origin = {"architecture": "WhisperForConditionalGeneration", "model_type": "whisper", "dtype": "float32"}
    place = None if tokenizer is None else path.absolute()
    return PretrainedModel(model.assign(state).eval(), tokenizer, origin=origin, tokenizer_path=place)


def _tensor(arrays: dict[str, np.ndarray | Tensor], name: str, path: Path) -> Tensor:
    if name not in arrays:
        raise LangueError(f"{path / CTRANSLATE2} lacks the array {name}, which a Whisper needs")
    numbers = torch.as_tensor(arrays[name]).float()
    scale = arrays.get(f"{name}_scale")
    return numbers if scale is None else numbers / torch.as_tensor(scale).float().view(-1, *[1] * (numbers.ndim - 1))


def _config(arrays: dict[str, Any], path: Path) -> ModelConfig:
    """The configuration, from the arrays' shapes."""

    def shape(name: str) -> tuple[int, ...]:
        return tuple(_tensor(arrays, name, path).shape)

    def number(name: str, usual: int) -> int:
        return int(arrays[name]) if name in arrays else usual

    def layers(side: str) -> int:
        return len({match[1] for name in arrays if (match := re.match(rf"{side}/layer_(\d+)/", name))})

    if number("decoder/activation", GELU) != GELU or number("decoder/pre_norm", 1) != 1:
        raise LangueError(f"{path / CTRANSLATE2} holds a model that is no Whisper as published")
    vocabulary, width = shape("decoder/embeddings/weight")
    _, bins, _ = shape("encoder/conv1/weight")
    usual = max(1, width // 64)
    alignment_heads = read_if_there(path / CONFIG).get("alignment_heads") or ()
    fields = {
        "form": "seq2seq", "vocab_size": vocabulary, "width": width, "norm": "layer", "norm_epsilon": 1e-5,
        "norm_place": "pre", "bias": True, "feedforward": "gelu", "position": "learned",
        "layers": layers("decoder"), "heads": number("decoder/num_heads", usual),
        "context": shape("decoder/position_encodings/encodings")[0],
        "feedforward_width": shape("decoder/layer_0/ffn/linear_0/weight")[0],
        "audio": {
            "features": "whisper", "bins": bins, "strides": (1, 2), "alignment_heads": alignment_heads,
        },
        "encoder": {
            "layers": layers("encoder"), "heads": number("encoder/num_heads", usual),
            "context": shape("encoder/position_encodings/encodings")[0],
            "feedforward_width": shape("encoder/layer_0/ffn/linear_0/weight")[0],
        },
    }  # fmt: skip
    return parse(ModelConfig, fields, f"{path / CTRANSLATE2}, as Langue understands it")


def _read(path: Path) -> dict[str, Any]:
    """All arrays by name, second names included.

    Raises:
        LangueError: the file is cut off, contradicts itself, or is of another version.
    """
    cursor = _ArrayCursor(np.memmap(path, np.uint8, "r"), path)
    version = cursor.number("I")
    if version != VERSION or cursor.name() != SPECIFICATION:
        raise LangueError(f"{path} is of version {version} of CTranslate2's format; Langue reads Whispers of {VERSION}")
    cursor.number("I")  # revision of the specification, which changed names of none of the arrays read here
    arrays = dict(cursor.array() for _ in range(cursor.number("I")))
    for _ in range(cursor.number("I")):
        second, first = cursor.name(), cursor.name()
        if first not in arrays:
            raise cursor.damaged(f"{second} stands for {first}, which is not there")
        arrays[second] = arrays[first]
    if cursor.left:
        raise cursor.damaged(f"{cursor.left:,} bytes follow its end")
    return arrays


class _ArrayCursor(Cursor):
    """Reads CTranslate2's arrays."""

    def name(self) -> str:
        """The next text, without the zero that ends it."""
        return self.text("H").removesuffix("\0")

    def array(self) -> tuple[str, Any]:
        """The next array, and its name."""
        name = self.name()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind, size = self.number("B"), self.number("I")
        if kind not in _TYPES:
            raise self.damaged(f"{name} is made of numbers of an unknown kind, {kind}")
        bf16 = _TYPES[kind] == "bfloat16"
        dtype = np.dtype("<i2" if bf16 else _TYPES[kind])
        if math.prod(shape) * dtype.itemsize != size:
            raise self.damaged(f"{name} of {shape} cannot have {size:,} bytes")
        # A copy, since what is read only may not become a tensor.
        values = np.frombuffer(self.bytes(size), dtype).reshape(shape).copy()
        return name, torch.from_numpy(values).view(torch.bfloat16) if bf16 else values
