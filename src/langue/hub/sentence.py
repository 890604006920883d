"""A folder of sentence-transformers, read and written: how a text is read, and which vector stands for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import save_file
from torch import Tensor

from langue.console import with_article
from langue.content import write_json
from langue.errors import LangueError
from langue.hub.folder import WEIGHTS, read_if_there, read_json
from langue.hub.weights import Weights, read_weights
from langue.models.config import ModelConfig
from langue.models.heads import DenseConfig, EmbedderConfig
from langue.nn.heads import DenseKind, Embedder, Pooling
from langue.text.reading import Reading

MODULES = "modules.json"
PROMPTS = "config_sentence_transformers.json"
TRUNK, TOKENIZER = "sentence_bert_config.json", "tokenizer_config.json"

NO_LIMIT = 1_000_000

POOLINGS: dict[str, Pooling] = {
    "cls": "first",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt",
    "weightedmean": "weighted",
    "lasttoken": "last",
}
"""Theirs; ours."""

OLDER = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The switches by which older folders say it, of which one or several are on."""

ACTIVATIONS: dict[str, DenseKind] = {"Identity": "none", "Tanh": "tanh", "ReLU": "relu", "GELU": "gelu"}
"""The class of torch's, without the name of its module; ours."""

CLASSES: dict[DenseKind, str] = {
    ours: f"torch.nn.modules.{'linear' if theirs == 'Identity' else 'activation'}.{theirs}"
    for theirs, ours in ACTIVATIONS.items()
}
"""Ours; the class of torch's by its full name."""


class Sentence(NamedTuple):
    """The layers that stand on a trunk."""

    config: EmbedderConfig
    weights: dict[str, Tensor]
    """Weights of the dense layers, by the name that they have in an `Embedder`."""
    reading: Reading


def read_sentence(path: Path) -> Sentence | None:
    """The head of a folder that represents texts, and how they are read; None where it has none.

    Raises:
        LangueError: a file is damaged, lies outside the folder, or asks for what there is not.
    """
    if not (path / MODULES).is_file():
        return None
    pooling: Pooling | None = None
    layers: list[DenseConfig] = []
    weights: dict[str, Tensor] = {}
    normalise = False
    for kind, folder in _modules(path)[1:]:
        if normalise:
            raise LangueError(f"{path / MODULES} has {with_article(kind)} after Normalize, which Langue does not know")
        if kind == "Pooling" and pooling is None and not layers:
            pooling = _pooling(folder / "config.json")
        elif kind == "Dense" and pooling is not None:
            weights |= {f"layers.{len(layers)}.{name}": tensor for name, tensor in _dense_weights(folder).items()}
            layers.append(_dense(folder / "config.json"))
        elif kind == "Normalize":
            normalise = True
        elif kind != "Dropout":  # which does nothing to a model in use
            raise LangueError(f"{path / MODULES} has {with_article(kind)} in a place where Langue knows none")
    if pooling is None:
        raise LangueError(f"{path / MODULES} lists no Pooling, so no vector stands for a text")
    config = EmbedderConfig(pooling=pooling, layers=tuple(layers), normalise=normalise)
    return Sentence(config, weights, _reading(path))


def _modules(path: Path) -> list[tuple[str, Path]]:
    """Each module's class and folder."""
    file = path / MODULES
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        modules = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in content]
    except RecursionError:
        raise LangueError(f"{file} is damaged: it is nested too deeply") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise LangueError(f"{file} is damaged: it does not list modules with path and type") from None
    for _, place in modules:
        if place and Path(place).name != place:
            raise LangueError(f"{file} names {place!r}, which is no folder in its own")
    return [(kind, path / place) for kind, place in modules]


def _pooling(file: Path) -> Pooling:
    settings = read_json(file)
    modes = settings.get("pooling_mode", [name for old, name in OLDER.items() if settings.get(old) is True])
    modes = [modes] if isinstance(modes, str) else list(modes) or ["mean"]
    if len(modes) > 1 or modes[0] not in POOLINGS:
        names = " and ".join(map(str, modes))
        raise LangueError(f"{file}: pooling by {names} is not supported; known: {', '.join(POOLINGS)}")
    if settings.get("include_prompt", True) is not True:
        raise LangueError(f"{file}: include_prompt false is not supported; Langue pools over the whole of a text")
    return POOLINGS[modes[0]]


def _dense(file: Path) -> DenseConfig:
    settings = read_json(file)
    activation = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    inputs = (settings.get("module_input_name", "sentence_embedding"), settings.get("use_residual", False))
    if activation not in ACTIVATIONS or inputs != ("sentence_embedding", False):
        known = ", ".join(ACTIVATIONS)
        raise LangueError(f"{file}: a Dense of {settings} is not supported; activations known: {known}")
    try:
        return DenseConfig(
            width=settings["out_features"], activation=ACTIVATIONS[activation], bias=settings.get("bias", True)
        )
    except (KeyError, ValueError):
        raise LangueError(f"{file} is damaged: it does not say how many numbers the layer gives") from None


def _dense_weights(folder: Path) -> dict[str, Tensor]:
    file = folder / WEIGHTS
    if not file.is_file():
        raise LangueError(f"{folder} holds no weights: {file.name} is missing")
    weights = Weights(read_weights(file))
    return {name: weights.tensor(name).float() for name in weights}


def _reading(path: Path) -> Reading:
    prompts, trunk, tokenizer = (read_if_there(path / file) for file in (PROMPTS, TRUNK, TOKENIZER))
    # Older folders say it of the trunk, newer ones of the tokenizer, where a huge number stands for no limit.
    limits = [trunk.get("max_seq_length"), tokenizer.get("model_max_length")]
    limit = next((length for length in limits if isinstance(length, int) and length < NO_LIMIT), None)
    try:
        return Reading(
            prompts={name: text for name, text in (prompts.get("prompts") or {}).items() if text},
            prompt=prompts.get("default_prompt_name"),
            max_tokens=limit,
            lower_case=trunk.get("do_lower_case", False),
        )
    except (ValueError, AttributeError):
        raise LangueError(f"{path / PROMPTS} or {TRUNK} is damaged: no prompts by name, or no length") from None


def write_sentence(embedder: Embedder, config: ModelConfig, reading: Reading, folder: Path) -> None:
    """Write the head that represents, and how texts are read, beside a trunk that lies in the folder already.

    Raises:
        LangueError: sentence-transformers has no such layer.
    """
    assert config.embedder is not None
    modules: list[tuple[str, str]] = [("Transformer", ""), ("Pooling", "1_Pooling")]
    pooling = {name: POOLINGS[theirs] == embedder.pooling for name, theirs in OLDER.items()}
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": config.read_width, **pooling})
    width = config.read_width
    for layer, module in zip(config.embedder.layers, embedder.layers, strict=True):
        place = folder / f"{len(modules)}_Dense"
        _write(place / "config.json", {"in_features": width, **_dense_config(layer)})
        weights = {name: parameter.detach().cpu().contiguous() for name, parameter in module.named_parameters()}
        save_file(weights, place / WEIGHTS, metadata={"format": "pt"})
        modules.append(("Dense", place.name))
        width = layer.width
    if embedder.normalise:
        place = folder / f"{len(modules)}_Normalize"
        place.mkdir()
        modules.append(("Normalize", place.name))
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(modules)
    ]
    _write(folder / MODULES, listed)
    limit = min(reading.max_tokens or config.context, config.context)
    _write(folder / TRUNK, {"max_seq_length": limit, "do_lower_case": reading.lower_case})
    _write(folder / PROMPTS, {"prompts": reading.prompts, "default_prompt_name": reading.prompt})


def _dense_config(layer: DenseConfig) -> dict[str, Any]:
    if layer.activation not in CLASSES:
        known = ", ".join(CLASSES)
        raise LangueError(f"sentence-transformers has no layer with the activation {layer.activation}; it has {known}")
    return {"out_features": layer.width, "bias": layer.bias, "activation_function": CLASSES[layer.activation]}


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_json(path, content)
