"""Whispers as CTranslate2 keeps them, which is what users of faster-whisper have: a flat file of named arrays."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.errors import LangueError, reading
from langue.hub.checkpoint import PretrainedModel
from langue.hub.tokenizer import read_tokenizer
from langue.models import ModelConfig
from langue.models.build import empty
from langue.settings import parse
from langue.text.whisper_tokens import WhisperTokens, is_whispers

FILE, CONFIG = "model.bin", "config.json"
VERSION, SPECIFICATION = 6, "WhisperSpec"
GELU = 3
"""CTranslate2's number for it."""

_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "bfloat16"}

_LAYER = {
    # Ours in a block: theirs in a layer.
    "mixer.query_key_value": "self_attention/linear_0",
    "mixer.output": "self_attention/linear_1",
    "sublayers.0.norm": "self_attention/layer_norm",
    "cross.query": "attention/linear_0",
    "cross.key_value": "attention/linear_1",
    "cross.output": "attention/linear_2",
    "sublayers.1.norm": "attention/layer_norm",
    "feedforward.input": "ffn/linear_0",
    "feedforward.output": "ffn/linear_1",
    "sublayers.2.norm": "ffn/layer_norm",
}
_PLAIN = {
    "embedding": "decoder/embeddings",
    "hearing.layers.0": "encoder/conv1",
    "hearing.layers.1": "encoder/conv2",
    "encoder.norm": "encoder/layer_norm",
    "stack.norm": "decoder/layer_norm",
}
_POSITIONS = {
    "encoder.position.weight": "encoder/position_encodings/encodings",
    "stack.position.weight": "decoder/position_encodings/encodings",
}


def is_ctranslate2(path: Path) -> bool:
    """Whether a folder holds a Whisper in this layout; other files of the name model.bin are pickles."""
    try:
        with (path / FILE).open("rb") as file:
            return file.read(6 + len(SPECIFICATION))[6:] == SPECIFICATION.encode()
    except OSError:
        return False


def read_ctranslate2(path: Path) -> PretrainedModel:
    """A Whisper, in fp32 whatever it is kept in: float32, float16, bfloat16, or int8 with a scale for each row.

    Raises:
        LangueError: the file is damaged, or of a version or a model that Langue does not know.
    """
    with reading(path / FILE):
        arrays = _read(path / FILE)
        config = _config(arrays, path)
    tokenizer = read_tokenizer(path)
    if tokenizer is not None and is_whispers(tokenizer):
        config = config.model_copy(update={"decoder_start": WhisperTokens(tokenizer, config.vocab_size).start})
    model = empty(config)
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        found = _tensor(arrays, _theirs(name), path)
        if found.shape != parameter.shape:
            raise LangueError(
                f"{path / FILE} is damaged: {_theirs(name)} should be {tuple(parameter.shape)} but is "
                f"{tuple(found.shape)}"
            )
        state[name] = found
    model.load_state_dict(state, strict=False, assign=True)
    model.tie()
    origin = {"architecture": "WhisperForConditionalGeneration", "model_type": "whisper", "dtype": "float32"}
    return PretrainedModel(model.eval(), tokenizer, None, origin)


def _theirs(name: str) -> str:
    """The array of one of our parameters."""
    if name in _POSITIONS:
        return _POSITIONS[name]
    rest, _, part = name.rpartition(".")
    side, _, inside = rest.partition(".blocks.")
    if inside:
        layer, _, inside = inside.partition(".")
        # An encoder looks at nothing, so that its feedforward layer is the second.
        inside = "sublayers.2.norm" if side == "encoder" and inside == "sublayers.1.norm" else inside
        place = f"{'encoder' if side == 'encoder' else 'decoder'}/layer_{layer}/{_LAYER[inside]}"
    else:
        place = _PLAIN[rest]
    if place.endswith("layer_norm"):
        part = {"weight": "gamma", "bias": "beta"}[part]
    return f"{place}/{part}"


def _tensor(arrays: dict[str, np.ndarray | Tensor], name: str, path: Path) -> Tensor:
    if name not in arrays:
        raise LangueError(f"{path / FILE} lacks the array {name}, which a Whisper needs")
    found = torch.as_tensor(arrays[name])
    scale = arrays.get(f"{name}_scale")
    if scale is None:
        return found.float()
    return found.float() / torch.as_tensor(scale).float().view(-1, *[1] * (found.ndim - 1))


def _config(arrays: dict[str, Any], path: Path) -> ModelConfig:
    """The configuration that the arrays' shapes tell."""

    def shape(name: str) -> tuple[int, ...]:
        return tuple(_tensor(arrays, name, path).shape)

    def number(name: str, usual: int) -> int:
        return int(arrays[name]) if name in arrays else usual

    def layers(side: str) -> int:
        return len({found[1] for name in arrays if (found := re.match(rf"{side}/layer_(\d+)/", name))})

    if number("decoder/activation", GELU) != GELU or number("decoder/pre_norm", 1) != 1:
        raise LangueError(f"{path / FILE} holds a model that is no Whisper as published")
    vocabulary, width = shape("decoder/embeddings/weight")
    _, bins, _ = shape("encoder/conv1/weight")
    usual = max(1, width // 64)
    fields = {
        "form": "seq2seq", "vocab_size": vocabulary, "width": width, "norm": "layer", "norm_epsilon": 1e-5,
        "norm_place": "pre", "bias": True, "feedforward": "gelu", "position": "learned",
        "layers": layers("decoder"), "heads": number("decoder/num_heads", usual),
        "context": shape("decoder/position_encodings/encodings")[0],
        "feedforward_width": shape("decoder/layer_0/ffn/linear_0/weight")[0],
        "audio": {
            "features": "whisper", "bins": bins, "strides": (1, 2), "alignment_heads": _alignment_heads(path),
        },
        "encoder": {
            "layers": layers("encoder"), "heads": number("encoder/num_heads", usual),
            "context": shape("encoder/position_encodings/encodings")[0],
            "feedforward_width": shape("encoder/layer_0/ffn/linear_0/weight")[0],
        },
    }  # fmt: skip
    return parse(ModelConfig, fields, f"{path / FILE}, as Langue understands it")


def _alignment_heads(path: Path) -> Any:
    """Those that the file beside the weights names, if it does."""
    try:
        told = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise LangueError(f"{path / CONFIG} cannot be read: {error}") from None
    return (told.get("alignment_heads") or ()) if isinstance(told, dict) else ()


def _read(path: Path) -> dict[str, Any]:
    """All arrays by name, second names included.

    Raises:
        LangueError: the file is cut off, contradicts itself, or is of another version.
    """
    data = np.memmap(path, np.uint8, "r")
    cursor = _Cursor(data, path)
    version = cursor.number("I")
    if version != VERSION or cursor.text() != SPECIFICATION:
        raise LangueError(f"{path} is of version {version} of CTranslate2's format; Langue reads Whispers of {VERSION}")
    cursor.number("I")  # revision of the specification, which changed names of none of the arrays read here
    found = dict(cursor.array() for _ in range(cursor.number("I")))
    for _ in range(cursor.number("I")):
        second, first = cursor.text(), cursor.text()
        if first not in found:
            raise LangueError(f"{path} is damaged: {second} stands for {first}, which is not there")
        found[second] = found[first]
    if cursor.place != len(data):
        raise LangueError(f"{path} is damaged: {len(data) - cursor.place:,} bytes follow its end")
    return found


class _Cursor:
    """Reads a file from front to back, and never beyond its end."""

    def __init__(self, data: np.ndarray, path: Path):
        self.data, self.path, self.place = data, path, 0

    def take(self, count: int) -> np.ndarray:
        if self.place + count > len(self.data):
            raise LangueError(f"{self.path} is cut off at byte {len(self.data):,}")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, kind: str) -> int:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")).tobytes())[0]

    def text(self) -> str:
        try:
            return self.take(self.number("H")).tobytes().decode().removesuffix("\0")
        except UnicodeDecodeError:
            raise LangueError(f"{self.path} is damaged: a name in it is no text") from None

    def array(self) -> tuple[str, Any]:
        name = self.text()
        shape = list(self.sizes(self.number("B")))
        kind, size = self.number("B"), self.number("I")
        if kind not in _TYPES:
            raise LangueError(f"{self.path} is damaged: {name} is made of numbers of an unknown kind, {kind}")
        bf16 = _TYPES[kind] == "bfloat16"
        dtype = np.dtype("<i2" if bf16 else _TYPES[kind])
        count = 1
        for length in shape:
            count *= length
        if count * dtype.itemsize != size:
            raise LangueError(f"{self.path} is damaged: {name} of {shape} cannot have {size:,} bytes")
        values = np.frombuffer(self.take(size).tobytes(), dtype).reshape(shape)
        # A copy, since what is read only may not become a tensor.
        return name, torch.from_numpy(values.copy()).view(torch.bfloat16) if bf16 else values.copy()

    def sizes(self, count: int) -> Iterator[int]:
        for _ in range(count):
            yield self.number("I")
