"""Adapters as PEFT keeps them: `adapter_config.json` and `adapter_model.safetensors`, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from langue.adapters import AdaptedLinear, AdapterConfig
from langue.content import write_json
from langue.errors import LangueError, hint
from langue.hub.checkpoint import PretrainedModel
from langue.hub.family import Family, HeadSettings
from langue.hub.keys import ParameterKey, parameter_keys
from langue.hub.pairs import PairKey, ThinPair, pair_keys
from langue.hub.peft_settings import CONFIG, WEIGHTS, PeftSettings, is_among, read_peft_folder
from langue.hub.settings import choose_similar
from langue.hub.weights import Weights
from langue.models import Base, Model, ModelConfig, with_adapters
from langue.models.build import outline, own_parameters
from langue.nn.linear import linear_layers
from langue.settings import parse

ORIGIN = "peft"
"""In a model's origin: the settings of the folder that its adapters were read from, and its tensors' types by name."""

_BEFORE = "base_model.model."
_DOWN, _UP, _MAGNITUDE = "lora_A.weight", "lora_B.weight", "lora_magnitude_vector"
_DOWN_OF_TABLE, _UP_OF_TABLE = "lora_embedding_A", "lora_embedding_B"
_ENDS = (_DOWN, _UP, _MAGNITUDE, _DOWN_OF_TABLE, _UP_OF_TABLE)


class _Counterpart(NamedTuple):
    """The model of theirs that a model of ours is without adapters, and what its parts are called.

    Attributes:
        family: its family.
        head: its class.
        table: the places of our parameters.
        pairs: the matrices that can have a pair, by name.
        is_tied: True if its head is its embedding.
    """

    family: Family
    head: HeadSettings
    table: Sequence[ParameterKey]
    pairs: Mapping[str, PairKey]
    is_tied: bool

    def name(self, full: str) -> str:
        """A tensor's or a module's name in this class, from that in the table of keys."""
        return full.removeprefix(self.family.prefix) if self.head.bare else full

    def places(self) -> dict[str, tuple[ParameterKey, int]]:
        """The place of each tensor of theirs: the line of the table, and its number there."""
        return {name: (line, number) for line in self.table for number, name in enumerate(line.theirs) if name}

    def full(self, stored: str) -> str:
        """The name in the table of keys of a tensor of an adapter's file, where that may be of a class without head."""
        name = stored.removeprefix(_BEFORE).replace(".base_layer.", ".")
        second = f"{self.family.prefix}{name}"
        return second if _owner(second) in self.pairs or second in self.places() else name

    def check(self, part: str, folder: Path) -> None:
        """Refuse a matrix or a tensor that this model has not, or not for itself."""
        tensor = part if part in self.places() else f"{part}.weight"
        if self.is_tied and tensor in {*self.family.aliases, *self.family.aliases.values()}:
            raise LangueError(
                f"{folder} has an adapter of {part} alone, but here the head is the embedding and both are one matrix"
            )
        if part not in self.pairs and part not in self.places():
            raise LangueError(f"{folder} stands on another base: this one has no {part}; {hint(part, self.pairs)}")


def _counterpart(checkpoint: PretrainedModel) -> _Counterpart:
    config, family, head = choose_similar(_bare(checkpoint.model.config), checkpoint.labels, checkpoint.origin)
    blank = outline(config)
    table = parameter_keys((*family.keys, *head.keys), blank, head=head.words)
    tied = head.words and config.tie_embeddings
    blocks = {place: layer.blocks for place, layer in linear_layers(blank).items()}
    return _Counterpart(family, head, table, {key.theirs: key for key in pair_keys(table, blocks)}, tied)


def _bare(config: ModelConfig) -> ModelConfig:
    """The model as other programs know it: without adapters and the head that represents."""
    return config.replace(adapter=None, embedder=None)


# Reading.


def read_peft(folder: Path, checkpoint: PretrainedModel, base: Base) -> PretrainedModel:
    """A model with the adapters of a folder of PEFT's.

    Args:
        folder: of the adapters.
        checkpoint: the model that they stand on, which is used up.
        base: where it came from.

    Raises:
        LangueError: in one sentence, what is missing, damaged, hostile, not supported, or of another base.
    """
    content, settings, weights = read_peft_folder(folder)
    theirs = _counterpart(checkpoint)
    stored = {theirs.full(name): _sound(weights, name, folder) for name in weights}
    pairs = _read_pairs(stored, theirs, settings, folder)
    learns = _put_saved(
        {name: stored[name] for name in stored if not _is_of_pair(name)}, theirs, checkpoint.model, folder
    )
    layers = linear_layers(checkpoint.model)
    parts = tuple(dict.fromkeys(layers[theirs.pairs[module].ours].part for module in pairs))
    config = parse(AdapterConfig, {**_strength(settings, pairs, theirs, folder), "on": parts}, str(folder / CONFIG))
    model = with_adapters(checkpoint.model, config, base)
    _put_pairs(model, pairs, theirs, folder)
    if not learns <= own_parameters(model):
        model.base = None  # since more than adapters and heads differs from what the base holds
    types = {name: str(weights.tensor(name).dtype).removeprefix("torch.") for name in weights}
    origin = {**checkpoint.origin, ORIGIN: {"config": content, "tensors": types}}
    return replace(checkpoint, model=model.eval(), origin=origin)


def _sound(weights: Weights, name: str, folder: Path) -> Tensor:
    tensor = weights.tensor(name).float()
    if not tensor.isfinite().all():
        raise LangueError(f"{folder / WEIGHTS}: {name} holds numbers that are none (NaN or infinite)")
    return tensor


def _is_of_pair(name: str) -> bool:
    return name.endswith(_ENDS)


def _owner(name: str) -> str:
    """The matrix that a tensor of a pair belongs to, or any other tensor itself."""
    end = next((end for end in _ENDS if name.endswith(end)), None)
    return name if end is None else name.removesuffix(f".{end}")


def _read_pairs(
    stored: Mapping[str, Tensor], theirs: _Counterpart, settings: PeftSettings, folder: Path
) -> dict[str, ThinPair]:
    """The pairs by module, each of which the base has, and all that the settings name."""
    modules = sorted({_owner(name) for name in stored if _is_of_pair(name)})
    if not modules:
        raise LangueError(f"{folder / WEIGHTS} holds no pairs (lora_A and lora_B)")
    for module in modules:
        theirs.check(module, folder)
    named = {module for module in theirs.pairs if settings.names(theirs.name(module))}
    if settings.target_modules != "all-linear" and (missing := sorted(named.difference(modules))):
        raise LangueError(f"{folder / WEIGHTS} is damaged, or of another base: it lacks the pair of {missing[0]}")
    return {module: _pair(module, stored, settings, folder) for module in modules}


def _pair(module: str, stored: Mapping[str, Tensor], settings: PeftSettings, folder: Path) -> ThinPair:
    def part(end: str) -> Tensor:
        if f"{module}.{end}" not in stored:
            raise LangueError(f"{folder / WEIGHTS} lacks the tensor {module}.{end}")
        return stored[f"{module}.{end}"]

    if f"{module}.{_DOWN_OF_TABLE}" not in stored:
        return ThinPair(part(_DOWN), part(_UP), part(_MAGNITUDE) if settings.use_dora else None)
    if settings.use_dora:
        raise LangueError(f"{folder}: DoRA on {module}, which is looked up, is not supported")
    return ThinPair(part(_UP_OF_TABLE).mT, part(_DOWN_OF_TABLE).mT)


def _strength(
    settings: PeftSettings, pairs: Mapping[str, ThinPair], theirs: _Counterpart, folder: Path
) -> dict[str, Any]:
    """Our settings: of several ranks the highest, if all pairs are equally strong."""
    names = [theirs.name(module) for module in pairs]
    strengths, rank = {settings.strength(name) for name in names}, max(settings.rank(name) for name in names)
    if len(strengths) > 1:
        shown = ", ".join(f"{strength:g}" for strength in sorted(strengths))
        raise LangueError(
            f"{folder / CONFIG}: rank_pattern and alpha_pattern give pairs of different strengths ({shown}), and "
            f"Langue's adapters have one for all"
        )
    alpha = settings.alpha(next(name for name in names if settings.rank(name) == rank))
    return {"kind": settings.kind, "rank": rank, "alpha": alpha, "dropout": settings.lora_dropout}


def _put_pairs(model: Model, pairs: Mapping[str, ThinPair], theirs: _Counterpart, folder: Path) -> None:
    """Give a model its pairs; one of zeros, which stays as it is, to each matrix that has none."""
    layers = {place: layer for place, layer in linear_layers(model).items() if isinstance(layer, AdaptedLinear)}
    for layer in layers.values():
        layer.clear()
    for module, pair in pairs.items():
        key = theirs.pairs[module]
        layer = layers[key.ours]
        rows, rank = key.out.stop - key.out.start, pair.down.shape[0]
        expected = [(rank, layer.in_features), (rows, rank), (rows,)][: 2 if pair.magnitude is None else 3]
        shapes = [tuple(part.shape) for part in pair if part is not None]
        if shapes != expected or rank > layer.rank:
            raise LangueError(
                f"{folder} stands on another base: the pair of {module} has the shapes {shapes}, and should have "
                f"{expected}"
            )
        key.put(layer, pair)


@torch.no_grad()
def _put_saved(saved: Mapping[str, Tensor], theirs: _Counterpart, model: Model, folder: Path) -> set[str]:
    """Give a model the parameters that learnt whole; their names."""
    parameters, places = dict(model.named_parameters()), theirs.places()
    for name, value in saved.items():
        theirs.check(name, folder)
        line, number = places[name]
        parameter = parameters[line.ours]
        if (shape := line.shapes(parameter.shape)[name]) != tuple(value.shape):
            raise LangueError(
                f"{folder} stands on another base: {name} has the shape {tuple(value.shape)}, and should have {shape}"
            )
        part = parameter.split(list(line.rows))[number]
        part.copy_(line.view(number, value).reshape(part.shape))
    return {places[name][0].ours for name in saved}


# Writing.


def write_peft(checkpoint: PretrainedModel, folder: Path) -> None:
    """Write the adapters of a model as PEFT keeps them, and the tokenizer beside them.

    Args:
        checkpoint: the model with its adapters.
        folder: an empty folder.

    Raises:
        LangueError: the model has no adapters, or PEFT has none like them.
    """
    if checkpoint.model.config.adapter is None:
        raise LangueError("the model has no adapters; write it whole: --format hf")
    theirs = _counterpart(checkpoint)
    content, tensors = (_as_read if ORIGIN in checkpoint.origin else _as_new)(checkpoint, theirs)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, content)


def _as_read(checkpoint: PretrainedModel, theirs: _Counterpart) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The settings and the tensors of a folder that the adapters were read from."""
    origin = checkpoint.origin[ORIGIN]
    settings = parse(PeftSettings, origin["config"], CONFIG)
    tensors = {}
    for name, dtype in origin["tensors"].items():
        full = theirs.full(name)
        tensor = _of_pair(full, checkpoint.model, theirs, settings) if _is_of_pair(full) else None
        tensor = _whole(full, checkpoint.model, theirs) if tensor is None else tensor
        tensors[name] = tensor.to(getattr(torch, dtype)).clone(memory_format=torch.contiguous_format)
    return origin["config"], tensors


def _of_pair(name: str, model: Model, theirs: _Counterpart, settings: PeftSettings) -> Tensor:
    """A tensor of a pair, of the rank that its settings say."""
    module = _owner(name)
    pair, rank = _taken(model, theirs.pairs[module]), settings.rank(theirs.name(module))
    assert pair is not None
    return _tensors_of(
        module,
        ThinPair(pair.down[:rank], pair.up[:, :rank], pair.magnitude),
        _DOWN_OF_TABLE in name or _UP_OF_TABLE in name,
    )[name]


def _taken(model: Model, key: PairKey) -> ThinPair | None:
    """The pair of a matrix, if it has one."""
    layer = linear_layers(model).get(key.ours)
    return key.take(layer) if isinstance(layer, AdaptedLinear) else None


def _tensors_of(module: str, pair: ThinPair, is_table: bool) -> dict[str, Tensor]:
    """The tensors of a pair by name; that of a table is kept the other way round."""
    if is_table:
        return {f"{module}.{_DOWN_OF_TABLE}": pair.up.mT, f"{module}.{_UP_OF_TABLE}": pair.down.mT}
    magnitude = {} if pair.magnitude is None else {f"{module}.{_MAGNITUDE}": pair.magnitude}
    return {f"{module}.{_DOWN}": pair.down, f"{module}.{_UP}": pair.up, **magnitude}


def _whole(name: str, model: Model, theirs: _Counterpart) -> Tensor:
    """A tensor that learnt whole."""
    line, _ = theirs.places()[name]
    parameters = dict(model.named_parameters())
    place, _, end = line.ours.rpartition(".")
    ours = parameters.get(line.ours, parameters.get(f"{place}.base.{end}"))
    assert ours is not None
    return line.split(ours.detach().cpu())[name]


def _as_new(checkpoint: PretrainedModel, theirs: _Counterpart) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of adapters that Langue trained."""
    model, config = checkpoint.model.cpu(), checkpoint.model.config
    adapter = config.adapter
    assert adapter is not None
    pairs = {module: pair for module, key in theirs.pairs.items() if (pair := _taken(model, key)) is not None}
    pairs = {module: pair for module, pair in pairs.items() if not pair.is_nothing}
    tables = {module for module, key in theirs.pairs.items() if key.ours == "embedding.table"} & pairs.keys()
    if tables and (theirs.is_tied or adapter.kind == "dora"):
        why = "DoRA" if adapter.kind == "dora" else "one adapter of the head and the embedding, which are one matrix"
        raise LangueError(f"PEFT does not have {why} on what is looked up; merge it: langue adapter merge")
    whole = _learnt_whole(model, theirs)
    tensors = {
        name: part
        for module, pair in pairs.items()
        for name, part in _tensors_of(module, pair, module in tables).items()
    } | {name: _whole(name, model, theirs) for name in whole}
    wide = {_ending(theirs.name(module)): pair.down.shape[0] // adapter.rank for module, pair in pairs.items()}
    wide = {name: times for name, times in wide.items() if times > 1}
    saved = sorted({theirs.name(name).rpartition(".")[0] for name in whole})
    content = {
        "peft_type": "LORA",
        "task_type": _task_type(theirs.head, config),
        "base_model_name_or_path": None if model.base is None else model.base.path.removeprefix("hf:"),
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": adapter.dropout,
        "use_rslora": adapter.kind == "rslora",
        "use_dora": adapter.kind == "dora",
        "bias": "none",
        "fan_in_fan_out": any(theirs.pairs[module].line.key.turned for module in pairs),
        "target_modules": _short({theirs.name(module) for module in pairs}, theirs),
        "modules_to_save": saved or None,
        "rank_pattern": {name: times * adapter.rank for name, times in wide.items()},
        "alpha_pattern": {
            name: adapter.alpha * (times**0.5 if adapter.kind == "rslora" else times) for name, times in wide.items()
        },
        "init_lora_weights": True,
        "inference_mode": True,
    }  # fmt: skip
    return content, {f"{_BEFORE}{theirs.name(name)}": part.contiguous() for name, part in tensors.items()}


def _learnt_whole(model: Model, theirs: _Counterpart) -> list[str]:
    """The tensors of heads that learnt beside the adapters."""
    layers = [place for place, layer in linear_layers(model).items() if isinstance(layer, AdaptedLinear)]
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    learning = {name for name in learning if not any(name.startswith(f"{place}.") for place in layers)}
    return [name for name, (line, _) in theirs.places().items() if line.ours in learning]


def _ending(module: str) -> str:
    """A module's name in its layer."""
    return re.sub(r"^.*\.\d+\.", "", module)


def _short(targets: set[str], theirs: _Counterpart) -> list[str]:
    """The ends of modules' names, if no other module ends like them; else the names in full."""
    every = {theirs.name(name).rpartition(".")[0] for name in theirs.places()}
    ends = sorted({_ending(module) for module in targets})
    return ends if {module for module in every if is_among(module, ends)} == targets else sorted(targets)


_TASK_TYPES = {
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
}


def _task_type(head: HeadSettings, config: ModelConfig) -> str | None:
    """PEFT's name of what a class is for, where it has a wrapper for it."""
    judging = next((name for end, name in _TASK_TYPES.items() if head.architecture.endswith(end)), None)
    # Its wrapper of encoder–decoders asks for a method that Transformers 5 has no more; it does without one as well.
    return "CAUSAL_LM" if head.words and config.form == "decoder" else judging
