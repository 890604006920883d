"""Gemma 2 (Gemma Team 2024) and Gemma 3 (2025): layers that see everything alternate with layers of a window, norms
stand before and behind each sublayer, and scores or logits are capped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langue.hub.families.llama import (
    BIASES,
    BLOCK,
    LAYER,
    QueryKeyEpsilon,
    kin,
    read_rotary,
    write_scaling,
)
from langue.hub.family import Entry, Key, Named, Off, Only, Same, Unused, refusal
from langue.models import ModelConfig
from langue.models.layers import LONGEST_LIST, RotarySpec
from langue.nn.attention import AttentionSpec

FULL, SLIDING = "full_attention", "sliding_attention"

_COUNT = "num_hidden_layers"


def layer_types(config: Mapping[str, Any], full: Sequence[bool]) -> list[str]:
    """The attention of each layer, full or through a window.

    Args:
        config: their config.json.
        full: of the layers that come again and again where it does not say of each, which are full.

    Raises:
        LangueError: they are none, or too many to be listed.
    """
    count = config.get(_COUNT)
    if type(count) is not int or not 1 <= count <= LONGEST_LIST:
        raise refusal(_COUNT, count, f"Langue lists up to {LONGEST_LIST} layers")
    usual = [FULL if full[number % len(full)] else SLIDING for number in range(count)]
    kinds = config.get("layer_types") or usual
    if not isinstance(kinds, list) or len(kinds) != count or any(kind not in (FULL, SLIDING) for kind in kinds):
        raise refusal("layer_types", kinds, f"it has {FULL} or {SLIDING} for each of {_COUNT} = {count} layers")
    return kinds


def write_layer_types(config: ModelConfig) -> dict[str, Any]:
    """Their fields of the attention of each layer."""
    windows = [spec.mixer.window for spec in config.layer_specs if isinstance(spec.mixer, AttentionSpec)]
    kinds = [FULL if window is None else SLIDING for window in windows]
    return {_COUNT: len(windows), "layer_types": kinds}


def window_of(config: ModelConfig, default: int) -> int:
    """The window of those layers that have one."""
    mixers = [spec.mixer for spec in config.layer_specs]
    windows = (mixer.window for mixer in mixers if isinstance(mixer, AttentionSpec) and mixer.window is not None)
    return next(windows, default)


def rotary_of(config: ModelConfig, kind: str) -> RotarySpec | None:
    """The rotary positions of the layers of a kind, if there are any."""
    for spec in config.layer_specs:
        own = SLIDING if isinstance(spec.mixer, AttentionSpec) and spec.mixer.window is not None else FULL
        if own == kind and isinstance(spec.position, RotarySpec):
            return spec.position
    return None


def read_rotaries(config: Mapping[str, Any], local: tuple[str, float], everywhere: tuple[str, float]) -> dict[str, Any]:
    """The fields of the rotary positions of each kind of layers.

    Args:
        config: their config.json.
        local: the older field of the slowest wavelength of layers with a window, and its default.
        everywhere: the same of the others.
    """
    context, fields = config.get("max_position_embeddings"), {}
    nested = config.get("rope_parameters") or {}
    for kind, (name, default) in ((SLIDING, local), (FULL, everywhere)):
        settings = nested.get(kind) if isinstance(nested, dict) else nested
        scaling = (config.get("rope_scaling") or {}) if kind == FULL else {}
        fields[kind] = read_rotary(settings or scaling, config.get(name, default), context)
    return fields


@dataclass(frozen=True)
class GemmaLayers:
    """Layers of two kinds, with rotary positions that are the same in all of them or each kind's own.

    Attributes:
        full: of the layers that come again and again, which see everything.
        rotary: True if each kind has its own.
    """

    full: tuple[bool, ...]
    rotary: bool

    @property
    def fields(self) -> tuple[str, ...]:
        patterns = (_COUNT, "layer_types", "sliding_window", "sliding_window_pattern", "_sliding_window_pattern")
        return (*patterns, *(_ROPES if self.rotary else ()))

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        window = config.get("sliding_window", 4096)
        pattern = config.get("sliding_window_pattern", config.get("_sliding_window_pattern"))
        full = self.full
        if type(pattern) is int and 1 <= pattern <= LONGEST_LIST:
            full = (*[False] * (pattern - 1), True)
        rotaries = {}
        if self.rotary:
            rotaries = read_rotaries(config, ("rope_local_base_freq", 10_000.0), ("rope_theta", 1_000_000.0))
        windows = {FULL: None, SLIDING: window}
        kinds = layer_types(config, full)
        return {"layers": [{"window": windows[kind], **rotaries.get(kind, {})} for kind in kinds]}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        fields = {**write_layer_types(config), "sliding_window": window_of(config, 4096)}
        if not self.rotary:
            return fields
        local, everywhere = rotary_of(config, SLIDING), rotary_of(config, FULL)
        if local is not None:
            fields["rope_local_base_freq"] = local.theta
        if everywhere is not None:
            fields |= {"rope_theta": everywhere.theta, "rope_scaling": write_scaling(everywhere.scaling)}
        return fields


_ROPES = ("rope_theta", "rope_local_base_freq", "rope_scaling", "rope_parameters")

_FIXED = {"norm": "rms_offset", "norm_place": "sandwich", "embedding_scale": True}

_SETTINGS: tuple[Entry, ...] = (
    Same("num_attention_heads", "heads", 8),
    Same("num_key_value_heads", "key_heads", 4),
    Same("head_dim", "head_width", 256),
    Named("hidden_activation", "feedforward", {"gelu_pytorch_tanh": "geglu"}, "gelu_pytorch_tanh"),
    Unused("hidden_act", "cache_implementation", "sliding_window_size"),
    Same("tie_word_embeddings", "tie_embeddings", True),
    Named("attention_bias", "attention_bias", BIASES, False),
    Same("query_pre_attn_scalar", "score_width", 256),
    Off("use_bidirectional_attention"),
)

_NORMS = (
    Key(f"{BLOCK}.sublayers.0.norm.weight", f"{LAYER}.input_layernorm.weight"),
    Key(f"{BLOCK}.sublayers.0.after.weight", f"{LAYER}.post_attention_layernorm.weight"),
    Key(f"{BLOCK}.sublayers.1.norm.weight", f"{LAYER}.pre_feedforward_layernorm.weight"),
    Key(f"{BLOCK}.sublayers.1.after.weight", f"{LAYER}.post_feedforward_layernorm.weight"),
)

GEMMA2 = kin(
    "Gemma2",
    "gemma2",
    _FIXED,
    *_SETTINGS,
    GemmaLayers(full=(False, True), rotary=False),
    Same("attn_logit_softcapping", "score_cap", 50.0),
    Same("final_logit_softcapping", "logit_cap", 30.0),
    norms=_NORMS,
)
GEMMA3 = kin(
    "Gemma3",
    "gemma3_text",
    {**_FIXED, "query_key_norm": "offset"},
    *_SETTINGS,
    QueryKeyEpsilon(),
    GemmaLayers(full=(False, False, False, False, False, True), rotary=True),
    Only("attn_logit_softcapping", None, written=False),
    Same("final_logit_softcapping", "logit_cap", None),
    norms=_NORMS,
    trunk="Gemma3Text",
)
