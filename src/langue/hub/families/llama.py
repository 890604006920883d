"""Llama (Touvron et al. 2023) and its kin, which differ in a bias, a norm or a window: Mistral, Qwen2, Qwen3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.gpt2 import sequence_classifier
from langue.hub.family import Entry, Family, HeadSettings, Key, Named, Only, Same, refusal
from langue.models import ModelConfig

ACTIVATIONS = {"silu": "swiglu", "swish": "swiglu", "gelu_pytorch_tanh": "geglu", "gelu_new": "geglu"}

_BLOCK, _LAYER = "stack.blocks.{layer}", "model.layers.{layer}"

# What each kind of stretching wants to be told: their name, ours, and their default.
_FACTOR = ("factor", "factor", None)
_CONTEXT = ("original_max_position_embeddings", "original_context", None)
_SCALINGS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "linear": (_FACTOR,),
    "llama3": (_FACTOR, _CONTEXT, ("low_freq_factor", "slow", None), ("high_freq_factor", "fast", None)),
    "yarn": (
        _FACTOR,
        _CONTEXT,
        ("beta_slow", "slow", 1),
        ("beta_fast", "fast", 32),
        ("attention_factor", "attention_factor", None),
        ("truncate", "truncate", True),
    ),
}
_OPTIONAL = {"attention_factor", "original_max_position_embeddings"}


@dataclass(frozen=True)
class Rotary:
    """Rotary positions: `rope_theta` and `rope_scaling`, which Transformers 5 writes as one `rope_parameters`."""

    fields: tuple[str, ...] = ("rope_theta", "rope_scaling", "rope_parameters")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        settings = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if not isinstance(settings, dict) or any(isinstance(value, dict) for value in settings.values()):
            raise refusal("rope_parameters", settings, "Langue has one kind of rotary positions for all layers")
        rest = {name: value for name, value in settings.items() if value is not None}
        theta = rest.pop("rope_theta", config.get("rope_theta", 10_000.0))
        kind = rest.pop("rope_type", rest.pop("type", "default"))
        rest.pop("type", None)
        if rest.pop("partial_rotary_factor", 1.0) != 1.0:
            raise refusal("partial_rotary_factor", settings["partial_rotary_factor"], "Langue turns whole heads")
        if kind == "default":
            return {"rotary_theta": theta, "rotary_scaling": None}
        if kind not in _SCALINGS:
            raise refusal("rope_type", kind, f"known: default, {', '.join(_SCALINGS)}")
        scaling: dict[str, Any] = {"kind": kind}
        for theirs, ours, default in _SCALINGS[kind]:
            value = rest.pop(theirs, default)
            if value is None and theirs == "original_max_position_embeddings":
                value = config.get("max_position_embeddings")
            if value is None and theirs not in _OPTIONAL:
                raise refusal("rope_parameters", settings, f"{kind} needs {theirs}")
            scaling[ours] = value
        if kind == "linear":  # told now and then, and of no effect
            rest.pop("original_max_position_embeddings", None)
        if rest:
            name, value = next(iter(rest.items()))
            raise refusal(f"{name} of rope_parameters", value, f"{kind} is known without it")
        return {"rotary_theta": theta, "rotary_scaling": scaling}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        # The older spelling, which Transformers 4 and 5 both read.
        scaling = config.rotary_scaling
        if scaling is None:
            return {"rope_theta": config.rotary_theta, "rope_scaling": None}
        settings = {theirs: getattr(scaling, ours) for theirs, ours, _ in _SCALINGS[scaling.kind]}
        settings = {name: value for name, value in settings.items() if value is not None}
        return {"rope_theta": config.rotary_theta, "rope_scaling": {"rope_type": scaling.kind, **settings}}


@dataclass(frozen=True)
class QueryKeyEpsilon:
    """Qwen3 normalises queries and keys with the ε of its other norms."""

    fields: tuple[str, ...] = ()

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"query_key_norm_epsilon": config.get("rms_norm_eps", 1e-6)}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class LayerTypes:
    """The attention of each layer in Qwen, full or through a window; ours is full in all of them."""

    fields: tuple[str, ...] = ("layer_types",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        kinds = config.get("layer_types") or []
        if not isinstance(kinds, list) or any(kind != "full_attention" for kind in kinds):
            raise refusal("layer_types", kinds, "Langue has full attention in all of these layers")
        return {}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {}


_FIXED = {
    "form": "decoder",
    "mixer": "attention",
    "position": "rotary",
    "norm": "rms",
    "norm_place": "pre",
}

_SETTINGS: tuple[Entry, ...] = (
    Same("vocab_size", "vocab_size"),
    Same("max_position_embeddings", "context", 2048),
    Same("hidden_size", "width"),
    Same("num_hidden_layers", "layers"),
    Same("num_attention_heads", "heads"),
    Same("num_key_value_heads", "key_heads", None),
    Same("intermediate_size", "feedforward_width"),
    Named("hidden_act", "feedforward", ACTIVATIONS, "silu"),
    Same("rms_norm_eps", "norm_epsilon", 1e-6),
    Rotary(),
    Same("tie_word_embeddings", "tie_embeddings", False),
    Same("initializer_range", "initializer_range", 0.02, optional=True),
    Same("attention_dropout", "dropout", 0.0),
    Only("partial_rotary_factor", 1.0, written=False),
    Only("num_experts", None, written=False),
    Only("num_local_experts", None, written=False),
    Only("attn_logit_softcapping", None, written=False),
    Only("final_logit_softcapping", None, written=False),
)

_KEYS = (
    Key("embedding.table.weight", "model.embed_tokens.weight"),
    Key(f"{_BLOCK}.sublayers.0.norm.weight", f"{_LAYER}.input_layernorm.weight"),
    Key(
        f"{_BLOCK}.mixer.query_key_value.{{part}}",
        tuple(f"{_LAYER}.self_attn.{name}_proj.{{part}}" for name in "qkv"),
        rotary=2,
    ),
    Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_LAYER}.self_attn.o_proj.{{part}}"),
    Key(f"{_BLOCK}.mixer.query_norm", f"{_LAYER}.self_attn.q_norm.weight", rotary=1),
    Key(f"{_BLOCK}.mixer.key_norm", f"{_LAYER}.self_attn.k_norm.weight", rotary=1),
    Key(f"{_BLOCK}.sublayers.1.norm.weight", f"{_LAYER}.post_attention_layernorm.weight"),
    Key(
        f"{_BLOCK}.feedforward.input.{{part}}",
        (f"{_LAYER}.mlp.gate_proj.{{part}}", f"{_LAYER}.mlp.up_proj.{{part}}"),
    ),
    Key(f"{_BLOCK}.feedforward.output.{{part}}", f"{_LAYER}.mlp.down_proj.{{part}}"),
    Key("stack.norm.weight", "model.norm.weight"),
)


def _family(name: str, model_type: str, fixed: Mapping[str, Any], *settings: Entry) -> Family:
    return Family(
        model_type=model_type,
        fixed={**_FIXED, **fixed},
        settings=(*_SETTINGS, *settings),
        prefix="model.",
        keys=_KEYS,
        heads=(
            HeadSettings(f"{name}ForCausalLM", (Key("head.table.weight", "lm_head.weight"),), words=True),
            sequence_classifier(f"{name}ForSequenceClassification"),
            HeadSettings(f"{name}Model", bare=True),
        ),
        aliases={"lm_head.weight": "model.embed_tokens.weight"},
        ignored=(r".*\.rotary_emb\.inv_freq",),
    )


_BIASES = {False: "none", True: "all"}

LLAMA = _family(
    "Llama",
    "llama",
    {},
    Same("head_dim", "head_width", None),
    Named("attention_bias", "attention_bias", _BIASES, False),
    Same("mlp_bias", "bias", False),
)
MISTRAL = _family(
    "Mistral",
    "mistral",
    {"attention_bias": "none"},
    Same("head_dim", "head_width", None),
    Same("sliding_window", "window", 4096),
)
QWEN2 = _family(
    "Qwen2",
    "qwen2",
    {"attention_bias": "query_key_value"},
    Same("head_dim", "head_width", None),
    Only("use_sliding_window", False),
    LayerTypes(),
)
QWEN3 = _family(
    "Qwen3",
    "qwen3",
    {"query_key_norm": "weighted"},
    Same("head_dim", "head_width", 128),
    QueryKeyEpsilon(),
    Named("attention_bias", "attention_bias", _BIASES, False),
    Only("use_sliding_window", False),
    LayerTypes(),
)
