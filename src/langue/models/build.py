"""Building of models from their configurations, and their folders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from langue.adapters import AdaptedLinear, AdapterConfig, adapted
from langue.content import read_json, write_json
from langue.errors import LangueError, check_readable
from langue.files import check_folder, replacing_listed
from langue.models.config import EmbedderConfig, Form, ModelConfig
from langue.models.decoder import Decoder
from langue.models.encoder import Encoder
from langue.models.initialize import initialize
from langue.models.model import Base, Model, make_embedder
from langue.models.seq2seq import Seq2Seq
from langue.nn.attention import AttentionSpec
from langue.nn.linear import Linear, current_factory, linear_factory, linear_layers, plain_parameters
from langue.quantization import QuantizationConfig
from langue.quantization.linear import check_quantized, quantized_layers, set_quantized
from langue.settings import parse

_FORMS: dict[Form, type[Model]] = {"decoder": Decoder, "encoder": Encoder, "seq2seq": Seq2Seq}

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
BASE = "base.json"
"""Beside the weights of adapters: where the model is that they stand on, and its fingerprint."""


def build(config: ModelConfig, seed: int = 0) -> Model:
    """A new model, whose first weights are a pure function of its configuration and the seed."""
    model = empty(config.replace(quantization=None))
    initialize(model, seed)
    if config.quantization is None:
        return model
    result = empty(config)
    load_plain_parameters(result, dict(model.named_parameters()))
    return result


def outline(config: ModelConfig) -> Model:
    """The model with parameters that have a shape and no content, to be counted and not to be run."""
    with torch.device("meta"):
        return empty(config)


def empty(config: ModelConfig) -> Model:
    """The model with parameters whose content is whatever memory held, for those who bring their own.

    Raises:
        LangueError: adapters are wanted on parts that the model does not have, or few bits for such parts.
    """
    make = current_factory() if config.adapter is None else adapted(config.adapter, current_factory())
    with linear_factory(make):
        model = _FORMS[config.form](config)
    if config.quantization is not None:
        set_quantized(model, config.quantization)
    if config.adapter is not None:
        _let_adapters_learn(model, config.adapter)
    return model


def _let_adapters_learn(model: Model, config: AdapterConfig) -> None:
    """Let nothing learn but adapters, and the heads that judge or represent a text."""
    model.requires_grad_(False)
    layers = linear_layers(model).values()
    if not any(isinstance(layer, AdaptedLinear) for layer in layers):
        parts = dict.fromkeys(layer.part for layer in layers if layer.part not in (None, "segment", "classifier"))
        raise LangueError(f"adapt.on {', '.join(config.on)}: the model has no such part; it has {', '.join(parts)}")
    for head in (model.classifier, model.embedder):
        if head is not None:
            head.requires_grad_(True)
    for layer in layers:
        if isinstance(layer, AdaptedLinear):
            layer.learn()


def has_adapters(model: Model) -> bool:
    """True if some of a model's matrices have adapters beside them."""
    return any(isinstance(layer, AdaptedLinear) for layer in linear_layers(model).values())


def with_adapters(
    model: Model,
    config: AdapterConfig,
    base: Base | None = None,
    seed: int = 0,
    quantization: QuantizationConfig | None = None,
) -> Model:
    """The same model with new adapters, which change nothing as yet.

    Args:
        model: whose weights are taken.
        config: of the adapters.
        base: where the weights came from, if they are to be kept there alone.
        seed: of the adapters' first values.
        quantization: the few bits in which the weights are held, to which they are rounded; None for the model's own.

    Raises:
        LangueError: the model has no part of those that should get adapters, or a rank is no saving.
    """
    bits = quantization or model.config.quantization
    result = empty(model.config.replace(adapter=config, quantization=bits))
    initialize(result, seed, only_learning=True)
    load_plain_parameters(result, _with_bits(model))
    result.base = base
    return result.to(model.device).train(model.training)


def _with_bits(model: Model) -> dict[str, Tensor]:
    """As `plain_weights`, and beside them the tensors that hold the matrices of few bits which have no adapter."""
    adapted_places = [place for place, layer in linear_layers(model).items() if isinstance(layer, AdaptedLinear)]
    held = {
        f"{place}.{name}": value
        for place, layer in quantized_layers(model).items()
        if not any(place.startswith(f"{outer}.") for outer in adapted_places)
        for name, value in layer.held.items()
    }
    return {**held, **plain_weights(model)}


@torch.no_grad()
def load_plain_parameters(model: Model, parameters: Mapping[str, Tensor]) -> None:
    """Give a model the weights of one whose linear layers are made of nothing but W and b; others stay as they are.

    A matrix of few bits is taken over bit by bit where the tensors that hold it are there as well, by their names.
    """
    inside: set[str] = set()
    for place, layer in linear_layers(model).items():
        inside |= {f"{place}.{name}" for name, _ in layer.named_parameters()}
        own = {name: parameters[f"{place}.{name}"] for name in ("weight", "bias") if f"{place}.{name}" in parameters}
        if own:
            layer.load_plain(own)
    for place, quantized in quantized_layers(model).items():
        quantized.load_held(parameters, f"{place}.".replace(".base.", "."))
    for name, parameter in model.named_parameters():
        if name not in inside and name in parameters:
            parameter.copy_(parameters[name])


def check_outline(config: ModelConfig, tensors: int, numbers: int, where: str | Path) -> None:
    """Refuse a configuration of which even an outline would take too long or too much, before one is made.

    Args:
        config: what a file should hold.
        tensors: how many it holds: each block has a parameter.
        numbers: how many numbers they hold: as many as each block's queries, for which a table of positions is made.
        where: what an error names.

    Raises:
        LangueError: the configuration asks for more.
    """
    for side in config.sides:
        if side.layer_count > tensors:
            raise LangueError(f"{where} does not fit its weights: {side.layer_count:,} layers but {tensors:,} tensors")
        for mixer in (spec.mixer for spec in side.layer_pattern if side.layer_count):
            if isinstance(mixer, AttentionSpec) and mixer.heads * mixer.head_width * side.width > numbers:
                raise LangueError(
                    f"{where} does not fit its weights: {mixer.heads:,} heads of {mixer.head_width:,} on a width of "
                    f"{side.width:,} but {numbers:,} numbers in all"
                )


def check_sizes(config: ModelConfig, tensors: int, numbers: int, where: str | Path) -> None:
    """The same before a model is made: no width can be more than there are numbers, since it is a side of a matrix.

    Raises:
        LangueError: the configuration asks for more.
    """
    check_outline(config, tensors, numbers, where)
    for side in config.sides:
        sizes = {"vocab_size": side.vocab_size, "width": side.width, "embedding_width": side.resolved_embedding_width}
        sizes |= {"source_vocab_size": side.source_vocab_size, "segments": side.segments}
        feedforwards = [spec.feedforward.width for spec in side.layer_pattern if spec.feedforward is not None]
        sizes["feedforward_width"] = max(feedforwards, default=0) if side.layer_count else 0
        sizes["bottleneck"] = max((spec.bottleneck or 0 for spec in side.layer_pattern), default=0)
        if side.position == "learned":
            sizes["context"] = side.context + side.position_offset
        for name, size in sizes.items():
            if size > numbers:
                raise LangueError(f"{where} does not fit its weights: {name} {size:,} but {numbers:,} numbers in all")


def plain_weights(model: Model) -> dict[str, Tensor]:
    """All weights of a model as those of one whose linear layers are made of nothing but W and b, without gradients."""
    return {name: value.detach() for name, value in plain_parameters(model).items()}


def plain(model: Model) -> Model:
    """The same model with linear layers of nothing but W and b, for formats that know no others; itself where it has.

    Raises:
        LangueError: a layer has no plain weights that fit.
    """
    weights = plain_parameters(model)
    if all(weights.get(name) is parameter for name, parameter in model.named_parameters()):
        return model
    with linear_factory(Linear):
        rebuilt = empty(model.config.replace(adapter=None, quantization=None))
    expected = {name: parameter.shape for name, parameter in rebuilt.named_parameters()}
    if wrong := _first_difference(expected, {name: value.shape for name, value in weights.items()}):
        raise LangueError(f"a layer of the model has no plain weight: {wrong}")
    return rebuilt.assign(plain_weights(model)).to(model.device, model.dtype).train(model.training)


def set_embedder(model: Model, config: EmbedderConfig | None, weights: Mapping[str, Tensor] | None = None) -> None:
    """Put another head that represents in the place of a model's own.

    Args:
        model: what gets it.
        config: of the head; None takes the model's away.
        weights: the head's, by the names they have in it.

    Raises:
        LangueError: the weights do not fit the configuration.
    """
    model.config = model.config.replace(embedder=config)
    if config is None:
        model.embedder = None
        return
    with torch.device("meta"):  # since nobody has looked at its sizes yet
        blank = make_embedder(config, model.config.read_width)
    expected = {name: tensor.shape for name, tensor in blank.state_dict().items()}
    present = {name: tensor.shape for name, tensor in (weights or {}).items()}
    if wrong := _first_difference(expected, present):
        raise LangueError(f"the head that represents does not fit its configuration: {wrong}")
    head = make_embedder(config, model.config.read_width)
    head.load_state_dict(dict(weights or {}))
    model.embedder = head.to(model.device).train(model.training)


def save_model(model: Model, folder: Path | str) -> None:
    """Write `model.safetensors`, `config.json` and a manifest; a matrix that two places share is written once.

    Of adapters whose base is elsewhere, what learns is written alone, and `base.json`.

    Raises:
        LangueError: the disk is full, or the folder cannot be written.
    """
    with replacing_listed(Path(folder)) as stage:
        write_model(model, stage)


def write_model(model: Model, folder: Path) -> None:
    """Write a model's files into a folder that is being written beside its place."""
    own = own_parameters(model)
    kept = {name: parameter for name, parameter in model.named_parameters() if name in own}
    weights = {name: parameter.detach().cpu().contiguous() for name, parameter in kept.items()}
    config = json.dumps(model.config.model_dump(), indent=2) + "\n"
    save_file(weights, folder / WEIGHTS, metadata={"format": "langue"})
    (folder / CONFIG).write_text(config, encoding="utf-8")
    if model.base is not None:
        write_json(folder / BASE, asdict(model.base))


def own_parameters(model: Model) -> set[str]:
    """The names of the parameters that belong into a model's own files, frozen or not, and not into those of its base:
    adapters, and the heads that judge or represent a text."""
    names = {name for name, _ in model.named_parameters()}
    if model.base is None:
        return names
    beside = [f"{place}." for place, layer in linear_layers(model).items() if isinstance(layer, AdaptedLinear)]
    bases = tuple(f"{place}base." for place in beside)
    return {
        name for name in names if name.startswith((*beside, "classifier.", "embedder.")) and not name.startswith(bases)
    }


def read_base(folder: Path) -> Base | None:
    """The base of the adapters in a folder; None where a folder holds all weights.

    Raises:
        LangueError: the file is damaged.
    """
    try:
        content = read_json(folder / BASE)
        return Base(**{name: str(content[name]) for name in ("path", "sha256")})
    except FileNotFoundError:
        return None
    except (KeyError, TypeError):
        raise LangueError(f"{folder / BASE} is damaged: it does not name the base of the adapters") from None


def read_config(folder: Path) -> ModelConfig:
    """Read the configuration of a model that `save_model` wrote.

    Raises:
        LangueError: the file is missing or damaged.
    """
    try:
        return parse(ModelConfig, read_json(folder / CONFIG), str(folder / CONFIG))
    except FileNotFoundError:
        raise LangueError(f"{folder} holds no model: {CONFIG} is missing") from None


def load_model(
    folder: Path | str, device: str | torch.device = "cpu", base: Mapping[str, Tensor] | None = None
) -> Model:
    """Read a model that `save_model` wrote, to be used: it drops nothing out before someone trains it.

    Args:
        folder: where it is.
        device: of the model.
        base: plain weights that its adapters stand on, if it is such a model.

    Raises:
        LangueError: a file is missing or damaged, or the weights do not fit the configuration.
    """
    folder = Path(folder)
    check_folder(folder)
    config = read_config(folder)
    model = assemble(config, _read_weights(folder / WEIGHTS, device), folder, device, base)
    model.base = None if base is None else read_base(folder)
    return model


def assemble(
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    where: Path,
    device: str | torch.device = "cpu",
    base: Mapping[str, Tensor] | None = None,
) -> Model:
    """A model of a configuration with given weights, to be used.

    Args:
        config: the model's.
        weights: all of its parameters, by name.
        where: the folder that they were read from, for errors.
        device: of the model.
        base: plain weights of what does not learn, where `weights` are adapters.

    Raises:
        LangueError: the weights do not fit the configuration.
    """
    present = [*weights.values(), *(base or {}).values()]
    # A byte holds up to two numbers.
    numbers = sum(weight.numel() * (1 if weight.is_floating_point() else 2) for weight in present)
    check_sizes(config, len(present), numbers, where / CONFIG)
    model = empty(config)
    own = {name: value for name, value in model.named_parameters() if base is None or value.requires_grad}
    expected = {name: parameter.shape for name, parameter in own.items()}
    if wrong := _first_difference(expected, {name: weight.shape for name, weight in weights.items()}):
        raise LangueError(f"{where} does not fit its model's configuration: {wrong}")
    for name, weight in weights.items():
        if weight.dtype != own[name].dtype and not (weight.is_floating_point() and own[name].is_floating_point()):
            raise LangueError(f"{where} is damaged: {name} holds {weight.dtype} instead of {own[name].dtype}")
    if base is not None:
        load_plain_parameters(model, base)
    check_quantized(model.assign(weights), where)
    return model.to(device).eval()


def _read_weights(path: Path, device: str | torch.device) -> dict[str, torch.Tensor]:
    """The tensors of a file by memory map."""
    with _opened(path, str(device)) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path, device: str) -> Iterator[Any]:
    """A safetensors file, whose reading is guarded."""
    if not path.is_file():
        raise LangueError(f"{path.parent} holds no model: {path.name} is missing")
    check_readable(path)
    try:
        with safe_open(path, framework="pt", device=device) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise LangueError(f"{path} is damaged: {error}") from None


def _first_difference(expected: Mapping[str, torch.Size], present: Mapping[str, torch.Size]) -> str | None:
    """The first tensor by name that should have another shape, in words."""
    wrong = sorted(name for name in expected.keys() | present.keys() if expected.get(name) != present.get(name))
    if not wrong:
        return None
    return f"{wrong[0]} should be {_shape(expected.get(wrong[0]))} but is {_shape(present.get(wrong[0]))}"


def _shape(shape: torch.Size | None) -> str:
    return "absent" if shape is None else "×".join(str(size) for size in shape)
