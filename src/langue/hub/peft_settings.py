"""Folders of PEFT's: what lies in them, and the settings that say what their adapters compute."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from langue.adapters.settings import Kind
from langue.errors import LangueError
from langue.hub.folder import read_json, refuse_code
from langue.hub.weights import Weights, read_weights
from langue.settings import Settings, parse

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"

_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Beginnings of pairs that take a part of the base's matrices away, which the base's folder does not know."""

_REFUSED = (
    *("alora_invocation_tokens", "use_qalora", "layer_replication", "lora_bias", "target_parameters", "use_bdlora"),
    *("arrow_config", "trainable_token_indices"),
)
"""Settings of PEFT's that change what an adapter computes, and that Langue's adapters do not have."""


class PeftSettings(Settings):
    """The settings of a LoRA of PEFT's that decide what it computes."""

    model_config = ConfigDict(extra="ignore")

    peft_type: Literal["LORA"]
    """The kind of adapters."""
    r: int = Field(default=8, ge=1, lt=1 << 20)
    """Rank of the pairs."""
    lora_alpha: float = Field(default=8, gt=0)
    """Strength of the pairs, times their rank or its root."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropping a number of what goes into a pair."""
    target_modules: str | tuple[str, ...] | None = None
    """Modules that have pairs: ends of their names, or a regular expression."""
    layers_to_transform: int | tuple[int, ...] | None = None
    """Numbers of the layers that have pairs; null for all."""
    modules_to_save: tuple[str, ...] | None = None
    """Modules that learnt whole."""
    base_model_name_or_path: str | None = None
    """The model that the pairs stand on."""
    rank_pattern: Mapping[str, int] = Field(default_factory=dict)
    """Ranks of single modules."""
    alpha_pattern: Mapping[str, float] = Field(default_factory=dict)
    """Strengths of single modules."""
    bias: str = "none"
    """The biases that learnt."""
    use_rslora: bool = False
    """The strength is divided by the root of the rank."""
    use_dora: bool = False
    """The lengths of rows learn apart."""
    init_lora_weights: bool | str | None = True
    """The first values of the pairs, which say whether the base was changed as well."""

    @property
    def kind(self) -> Kind:
        return "dora" if self.use_dora else "rslora" if self.use_rslora else "lora"

    def rank(self, module: str) -> int:
        """The rank of a module's pair."""
        return _by_pattern(self.rank_pattern, module, self.r)

    def alpha(self, module: str) -> float:
        """The alpha of a module's pair."""
        return _by_pattern(self.alpha_pattern, module, self.lora_alpha)

    def strength(self, module: str) -> float:
        """The factor of a module's pair."""
        rank = self.rank(module)
        return self.alpha(module) / (rank**0.5 if self.use_rslora else rank)

    def names(self, module: str) -> bool:
        """True if the settings want a pair for a module."""
        wanted = self.target_modules
        if isinstance(wanted, str):
            return wanted == "all-linear" or re.fullmatch(wanted, module) is not None
        if wanted is None or not is_among(module, wanted):
            return False
        layers = self.layers_to_transform
        number = re.search(r"\.(\d+)\.", module)
        chosen = (layers,) if isinstance(layers, int) else layers
        return not chosen or (number is not None and int(number[1]) in chosen)


def _by_pattern(patterns: Mapping[str, Any], module: str, default: Any) -> Any:
    fitting = (value for pattern, value in patterns.items() if re.match(rf"(.*\.)?({pattern})$", module))
    return next(fitting, default)


def is_among(module: str, names: Iterable[str]) -> bool:
    """True if a module has one of the names, or ends in one."""
    return any(module == name or module.endswith(f".{name}") for name in names)


def is_peft(path: Path) -> bool:
    """True if a folder holds adapters as PEFT keeps them, or as a pickle."""
    return any((path / name).is_file() for name in (CONFIG, WEIGHTS, PICKLE))


def read_peft_settings(folder: Path) -> PeftSettings:
    """The settings of a folder of PEFT's.

    Raises:
        LangueError: they are missing, damaged, hostile or not supported.
    """
    return read_content(folder)[1]


def read_content(folder: Path) -> tuple[dict[str, Any], PeftSettings]:
    """All that adapter_config.json holds, and the settings among it; see `read_peft_settings`."""
    if not (folder / CONFIG).is_file():
        raise LangueError(f"{folder} holds no adapters of PEFT's: {CONFIG} is missing")
    content = read_json(folder / CONFIG)
    refuse_code(content, folder / CONFIG)
    settings = parse(PeftSettings, content, str(folder / CONFIG))
    _refuse_others(content, settings, folder / CONFIG)
    return content, settings


def read_peft_folder(folder: Path) -> tuple[dict[str, Any], PeftSettings, Weights]:
    """The same, and the tensors beside it.

    Raises:
        LangueError: as of `read_peft_settings`; or the tensors are missing, or a pickle.
    """
    content, settings = read_content(folder)
    if not (folder / WEIGHTS).is_file():
        if (folder / PICKLE).is_file():
            raise LangueError(
                f"{folder} holds {PICKLE}, a pickle, which can run any code when it is opened; convert it where you "
                f"trust it: PeftModel.from_pretrained(BASE, DIR).save_pretrained(NEW)"
            )
        raise LangueError(f"{folder} holds no adapters of PEFT's: {WEIGHTS} is missing")
    return content, settings, Weights(read_weights(folder / WEIGHTS))


def _refuse_others(content: Mapping[str, Any], settings: PeftSettings, path: Path) -> None:
    """Refuse what would compute something else."""
    for name in _REFUSED:
        if content.get(name):
            raise LangueError(f"{path}: {name} is not supported; merge the adapter with PEFT, and take the whole model")
    if settings.bias != "none":
        raise LangueError(f"{path}: bias {settings.bias!r} is not supported; Langue's adapters leave biases alone")
    beginning = settings.init_lora_weights
    if isinstance(beginning, str) and beginning.lower().startswith(_CHANGE_THE_BASE):
        raise LangueError(
            f"{path}: init_lora_weights {beginning!r} has changed the base as well; let PEFT save the adapter as a "
            f"plain LoRA (path_initial_model_for_weight_conversion)"
        )
