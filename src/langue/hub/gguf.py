"""GGUF, the format of llama.cpp, for the Llama family: read with whatever packing, written in F16 or Q8_0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from langue.errors import LangueError
from langue.extra import need
from langue.files import STAMP, replacing, write_stamp
from langue.hub.checkpoint import PretrainedModel
from langue.hub.family import Key
from langue.hub.gguf_bits import blocks_of, keep_blocks, kept_formats
from langue.hub.gguf_file import GGUFFile
from langue.hub.gguf_rotary import read_scaling, write_scaling
from langue.hub.gguf_tokenizer import read_tokenizer, write_tokenizer
from langue.hub.keys import ParameterKey, parameter_keys, to_neighbours
from langue.hub.read import Precision
from langue.hub.settings import refuse_hybrid
from langue.models import Model, ModelConfig
from langue.models.build import check_outline, empty, outline, plain
from langue.nn.linear import linear_layers
from langue.quantization import QuantizationConfig
from langue.quantization.linear import check_quantized
from langue.settings import parse
from langue.text import Tokenizer

gguf = need("gguf", "formats", "GGUF")

Kind = Literal["F16", "Q8_0"]

# Differences between the architectures of the family. Each has the same tensors, but for biases and norms of attention;
# llama.cpp turns neighbouring numbers of a head in llama, as we do, and numbers half a head apart in the others.
_ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {"query_key_norm": "none"},
    "qwen2": {"query_key_norm": "none", "attention_bias": "query_key_value"},
    "qwen3": {"query_key_norm": "weighted"},
}
_NEIGHBOURS = ("llama",)

# What all of the family share, and a model must have to be written.
_FAMILY: dict[str, Any] = {
    "form": "decoder",
    "mixer": "attention",
    "position": "rotary",
    "norm": "rms",
    "norm_place": "pre",
    "residual": True,
    "block": "plain",
    "mixer_norm": True,
    "score_scale": True,
    "score_width": None,
    "score_cap": None,
    "rotary_width": None,
    "feedforward": "swiglu",
    "bias": False,
    "embedding_bias": False,
    "embedding_norm": False,
    "embedding_scale": False,
    "segments": 0,
    "head_bias": False,
    "head_dense": "none",
    "logit_cap": None,
}

# Settings of other models that go by the same name; each would change what the numbers mean.
_FOREIGN = (
    "expert_count",
    "attention.clamp_kqv",
    "attention.scale",
    "logit_scale",
    "embedding_scale",
    "residual_scale",
)

_LONGEST_CONTEXT = 1 << 20
"""Positions; a table of that many is made when a model is."""


_BLOCK, _LAYER = "stack.blocks.{layer}", "blk.{layer}"


def keys_of(architecture: str) -> tuple[Key, ...]:
    """The table of keys of an architecture."""
    halves = 0 if architecture in _NEIGHBOURS else 1
    return (
        Key("embedding.table.weight", "token_embd.weight"),
        Key("stack.norm.weight", "output_norm.weight"),
        Key("head.table.weight", "output.weight"),
        Key(
            f"{_BLOCK}.mixer.query_key_value.{{part}}",
            tuple(f"{_LAYER}.attn_{name}.{{part}}" for name in "qkv"),
            rotary=2 * halves,
        ),
        Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_LAYER}.attn_output.{{part}}"),
        Key(f"{_BLOCK}.mixer.query_norm", f"{_LAYER}.attn_q_norm.weight", rotary=halves),
        Key(f"{_BLOCK}.mixer.key_norm", f"{_LAYER}.attn_k_norm.weight", rotary=halves),
        Key(f"{_BLOCK}.feedforward.input.weight", (f"{_LAYER}.ffn_gate.weight", f"{_LAYER}.ffn_up.weight")),
        Key(f"{_BLOCK}.feedforward.output.weight", f"{_LAYER}.ffn_down.weight"),
        Key(f"{_BLOCK}.sublayers.0.norm.weight", f"{_LAYER}.attn_norm.weight"),
        Key(f"{_BLOCK}.sublayers.1.norm.weight", f"{_LAYER}.ffn_norm.weight"),
    )


def read_gguf(path: Path | str, *, keep: bool = False) -> tuple[Model, Tokenizer]:
    """A model of the Llama family (llama, qwen2, qwen3) and its tokenizer, from one GGUF file.

    Numbers are unpacked into fp32, some rows at a time, so that memory holds the model and little more.

    Args:
        path: of the file.
        keep: hold matrices of Q4_0, Q4_1, Q8_0, Q4_K and Q6_K in the file's own bits instead.

    Raises:
        LangueError: the file is no GGUF, is damaged, or holds something that Langue does not know.
    """
    file = GGUFFile(path)
    architecture = file.setting("general.architecture", str)
    if architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise LangueError(f"{path} holds a model of the architecture {architecture!r}; Langue reads {known}")
    config = _read_config(file, architecture)
    table = _checked(file, config, keys_of(architecture))
    tokenizer = read_tokenizer(file)
    if keep:
        config = config.replace(quantization=kept_formats(file, table, outline(config)))
    model = empty(config)
    parameters, layers = dict(model.named_parameters()), linear_layers(model)
    with torch.no_grad():
        for place in table:
            if place.ours not in parameters:
                keep_blocks(file, place, layers[place.ours.removesuffix(".weight")])
                continue
            parts = parameters[place.ours].detach().split(list(place.rows))
            for number, (name, part) in enumerate(zip(place.theirs, parts, strict=True)):
                rows = part.view(-1, part.shape[-1]).numpy()
                for first, piece in file.rows(name):
                    rows[first : first + len(piece)] = piece
                if number < place.key.rotary:
                    part.copy_(to_neighbours(part, place.head_width))
    check_quantized(model, file.path)
    return model.eval(), tokenizer


def _read_config(file: GGUFFile, architecture: str) -> ModelConfig:
    def number(name: str, default: int | None = None) -> int:
        return file.setting(f"{architecture}.{name}", int, default)

    for name in _FOREIGN:
        if file.settings.get(f"{architecture}.{name}"):
            raise LangueError(f"{file.path} has {architecture}.{name}, which Langue's models of this family lack")
    heads, width = number("attention.head_count"), number("embedding_length")
    context, layers = number("context_length"), number("block_count")
    if context > _LONGEST_CONTEXT:
        raise LangueError(
            f"{file.path} declares a context of {context} positions; Langue goes up to {_LONGEST_CONTEXT}"
        )
    if layers > len(file.tensors):
        raise LangueError(f"{file.path} is damaged: it declares {layers} blocks, but has {len(file.tensors)} tensors")
    head_width = number("attention.key_length", width // max(1, heads))
    if number("rope.dimension_count", head_width) != head_width:
        raise LangueError(f"{file.path} turns a part of each head's numbers only, which Langue's models do not")
    epsilon = _plain(file.setting(f"{architecture}.attention.layer_norm_rms_epsilon", float))
    theta = _plain(file.setting(f"{architecture}.rope.freq_base", float, 10_000.0))
    fields = {
        **_FAMILY,
        **_ARCHITECTURES[architecture],
        "vocab_size": file.tensors["token_embd.weight"].shape[0] if "token_embd.weight" in file.tensors else 1,
        "context": context,
        "width": width,
        "layers": layers,
        "heads": heads,
        "key_heads": number("attention.head_count_kv", heads),
        "head_width": head_width,
        "feedforward_width": number("feed_forward_length"),
        "norm_epsilon": epsilon,
        "rotary_theta": theta,
        "rotary_scaling": read_scaling(file, architecture, head_width, theta),
        "tie_embeddings": "output.weight" not in file.tensors,
    }
    if architecture == "qwen3":
        fields["query_key_norm_epsilon"] = epsilon
    if "blk.0.attn_output.bias" in file.tensors:
        fields["attention_bias"] = "all"
    elif "blk.0.attn_q.bias" in file.tensors:
        fields["attention_bias"] = "query_key_value"
    return parse(ModelConfig, fields, str(file.path))


def _plain(number: float) -> float:
    """The shortest number that fp32 rounds to the same: 1e-05, not 9.999999747378752e-06."""
    return float(str(np.float32(number)))


def _checked(file: GGUFFile, config: ModelConfig, keys: Sequence[Key]) -> list[ParameterKey]:
    """Places of a model's parameters in a file whose names and shapes are what its settings ask for.

    Raises:
        LangueError: a tensor is missing, too many, or of another shape; nothing was given room.
    """
    numbers = sum(math.prod(tensor.shape) for tensor in file.tensors.values())
    check_outline(config, len(file.tensors), numbers, file.path)
    try:
        model = outline(config)
    except (RuntimeError, OverflowError) as error:
        fault = str(error).partition("\n")[0]
        raise LangueError(f"{file.path} is damaged: its settings ask for sizes no machine has: {fault}") from None
    table, parameters = parameter_keys(keys, model), dict(model.named_parameters())
    expected = {name: shape for place in table for name, shape in place.shapes(parameters[place.ours].shape).items()}
    for name, shape in expected.items():
        if name not in file.tensors:
            raise LangueError(f"{file.path} lacks the tensor {name}, which its settings ask for")
        if file.tensors[name].shape != shape:
            sizes = (file.tensors[name].shape, shape)
            actual, right = ("×".join(map(str, size)) for size in sizes)
            raise LangueError(f"{file.path} is damaged: {name} should be {right}, but is {actual}")
    left = sorted(file.tensors.keys() - expected.keys() - {"rope_freqs.weight"})
    if left:
        raise LangueError(f"{file.path} has a tensor {left[0]}, which Langue's models of this family lack")
    return table


def write_gguf(model: Model, tokenizer: Tokenizer, path: Path | str, kind: Kind = "F16") -> None:
    """Write a model of the Llama family and its tokenizer into one file that llama.cpp and Transformers read.

    Matrices that the model holds in GGUF's own blocks keep them to the bit. Others are packed as `kind`, but for those
    that Q8_0's blocks of 32 do not fit into, which become F16; norms and biases stay F32. The file is written beside
    its place and renamed when it is whole.

    Raises:
        LangueError: the model is of another family, its tokenizer is no byte-level BPE, a weight is too large for the
            kind, or the disk is full.
    """
    path, bits, model = Path(path), model, plain(model)
    architecture = architecture_of(model.config)
    with replacing(path) as place:
        writer = gguf.GGUFWriter(place, architecture)
        writer.add_string("langue.sha256", STAMP)  # first of all, so that it is found at the file's beginning
        _write_config(writer, model.config, _file_type(bits.config.quantization, kind))
        write_tokenizer(writer, tokenizer, model.config.vocab_size)
        _write_tensors(writer, model, architecture, kind, bits)
        write_stamp(place)


def read_checkpoint(path: Path, dtype: Precision) -> PretrainedModel:
    """`read_gguf` for `langue import`; what was packed has no precision to be kept, and becomes fp32 unless told."""
    model, tokenizer = read_gguf(path, keep=dtype == "packed")
    if dtype in ("bfloat16", "float16"):
        model = model.to(getattr(torch, dtype))
    return PretrainedModel(model, tokenizer)


def write_checkpoint(checkpoint: PretrainedModel, folder: Path, kind: Kind = "F16") -> None:
    """`model.gguf`, for `langue export`.

    Raises:
        LangueError: GGUF has no such model, or it came without a tokenizer.
    """
    if checkpoint.tokenizer is None:
        raise LangueError("a GGUF file holds its tokenizer, and the model has none")
    write_gguf(checkpoint.model, checkpoint.tokenizer, folder / "model.gguf", kind)


def write_packed_checkpoint(checkpoint: PretrainedModel, folder: Path) -> None:
    """The same in eight bits a number."""
    write_checkpoint(checkpoint, folder, "Q8_0")


def architecture_of(config: ModelConfig) -> str:
    """The name of a model's architecture in llama.cpp."""
    refuse_hybrid(config, "GGUF's Llama family has")
    for field, needed in _FAMILY.items():
        if getattr(config, field) != needed:
            raise LangueError(
                f"GGUF is written for the Llama family, whose {field} is {needed}, not {getattr(config, field)}; "
                "export this model to ONNX instead"
            )
    if config.classifier is not None:
        raise LangueError("GGUF's Llama family has no classifier; export this model to ONNX instead")
    if config.window is not None and config.window < config.context:
        raise LangueError("GGUF's Llama family has no sliding window; export this model to ONNX instead")
    if config.resolved_embedding_width != config.width:
        raise LangueError("GGUF's Llama family has embeddings as wide as its blocks; export this model to ONNX instead")
    bias, norm = config.resolved_attention_bias, config.query_key_norm
    if norm == "none":
        return "qwen2" if bias == "query_key_value" else "llama"
    if norm == "weighted" and bias == "none" and config.query_key_norm_epsilon == config.norm_epsilon:
        return "qwen3"
    raise LangueError(
        "GGUF normalises queries and keys as Qwen3 does: query_key_norm: weighted, query_key_norm_epsilon like "
        "norm_epsilon, and no attention_bias; export this model to ONNX instead"
    )


def _file_type(bits: QuantizationConfig | None, kind: Kind) -> Any:
    """The kind of most of a file's matrices, as llama.cpp calls it."""
    name = kind if bits is None or bits.format is None else bits.format.upper()
    return getattr(gguf.LlamaFileType, f"MOSTLY_{name}", gguf.LlamaFileType[f"MOSTLY_{kind}"])


def _write_config(writer: Any, config: ModelConfig, file_type: Any) -> None:
    writer.add_name("Langue")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layer_count)
    writer.add_feed_forward_length(config.resolved_feedforward_width)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.resolved_key_heads)
    writer.add_key_length(config.resolved_head_width)
    writer.add_value_length(config.resolved_head_width)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rotary_theta)
    writer.add_rope_dimension_count(config.resolved_head_width)


def _write_tensors(writer: Any, model: Model, architecture: str, kind: Kind, bits: Model) -> None:
    """Declare all tensors, then pack and write one after the other; of `bits` those that have GGUF's blocks."""
    table, parameters = parameter_keys(keys_of(architecture), model), dict(model.named_parameters())
    blocks = blocks_of(bits, table)
    factors = write_scaling(writer, model.config)
    kinds = gguf.GGMLQuantizationType
    packed_as = {}
    for place in table:
        for name, shape in place.shapes(parameters[place.ours].shape).items():
            matrix = kinds.F16 if kind == "F16" or shape[-1] % 32 else kinds.Q8_0
            packed_as[name] = matrix if len(shape) == 2 else kinds.F32
            if name in blocks:
                packed_as[name] = kinds[blocks[name][0]]
            declare(writer, name, shape, packed_as[name])
    if factors is not None:
        declare(writer, "rope_freqs.weight", factors.shape, kinds.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for place in table:
        for name, rows in place.split(parameters[place.ours].detach()).items():
            numbers = rows.float().cpu().contiguous().numpy()
            append(writer, blocks[name][1].numpy() if name in blocks else _pack(name, numbers, packed_as[name]))
    if factors is not None:
        append(writer, factors)
    writer.close()


def append(writer: Any, content: np.ndarray) -> None:
    """Write the next tensor. The library's own way goes by `ndarray.tofile`, whose last bytes are lost without a word
    when the disk fills up just then."""
    file = writer.fout[0]
    writer.write_padding(file, file.tell())
    file.write(np.ascontiguousarray(content).data)
    writer.write_padding(file, content.nbytes)


def declare(writer: Any, name: str, shape: tuple[int, ...], kind: Any) -> None:
    dtype = {"F32": np.float32, "F16": np.float16}.get(kind.name, np.uint8)
    stored = shape if dtype != np.uint8 else gguf.quants.quant_shape_to_byte_shape(shape, kind)
    size = int(np.prod(stored)) * np.dtype(dtype).itemsize
    writer.add_tensor_info(name, stored, np.dtype(dtype), size, raw_dtype=kind)


def _pack(name: str, numbers: np.ndarray, kind: Any) -> np.ndarray:
    # Blocks of Q8_0 keep their scale, 1/127 of the largest number, in fp16 too.
    largest = 65_504.0 if kind.name == "F16" else 127 * 65_504.0
    if kind.name != "F32" and not np.abs(numbers).max() <= largest:
        raise LangueError(f"{name} has a number that {kind.name} cannot hold; was the training stable?")
    return gguf.quants.quantize(numbers, kind)
