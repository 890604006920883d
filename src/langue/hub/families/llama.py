"""Llama (Touvron et al. 2023) and its kin, which differ in a bias, a norm or a window: Mistral, Qwen2, Qwen3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.gpt2 import sequence_classifier
from langue.hub.family import Entry, Family, HeadSettings, Key, Named, Only, Same, refusal
from langue.models import ModelConfig
from langue.nn.rotary import RotaryScaling

ACTIVATIONS = {"silu": "swiglu", "swish": "swiglu", "gelu_pytorch_tanh": "geglu", "gelu_new": "geglu"}

BLOCK, LAYER = "stack.blocks.{layer}", "model.layers.{layer}"

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


def read_rotary(settings: Any, theta: float, context: Any) -> dict[str, Any]:
    """The fields of rotary positions.

    Args:
        settings: `rope_parameters`, or `rope_scaling`.
        theta: where they do not say it.
        context: `max_position_embeddings`.

    Raises:
        LangueError: they ask for what Langue has not.
    """
    if not isinstance(settings, dict) or any(isinstance(value, dict) for value in settings.values()):
        raise refusal("rope_parameters", settings, "this family has one kind of rotary positions for all layers")
    rest = {name: value for name, value in settings.items() if value is not None}
    theta = rest.pop("rope_theta", theta)
    kind = rest.pop("rope_type", rest.pop("type", "default"))
    rest.pop("type", None)
    if rest.pop("partial_rotary_factor", 1.0) != 1.0:
        raise refusal("partial_rotary_factor", settings["partial_rotary_factor"], "this family turns whole heads")
    if kind == "default":
        return {"rotary_theta": theta, "rotary_scaling": None}
    if kind not in _SCALINGS:
        raise refusal("rope_type", kind, f"known: default, {', '.join(_SCALINGS)}")
    return {"rotary_theta": theta, "rotary_scaling": _scaling(kind, rest, settings, context)}


def _scaling(kind: str, rest: dict[str, Any], settings: Mapping[str, Any], context: Any) -> dict[str, Any]:
    scaling: dict[str, Any] = {"kind": kind}
    for theirs, ours, default in _SCALINGS[kind]:
        value = rest.pop(theirs, default)
        if value is None and theirs == "original_max_position_embeddings":
            value = context
        if value is None and theirs not in _OPTIONAL:
            raise refusal("rope_parameters", settings, f"{kind} needs {theirs}")
        scaling[ours] = value
    if kind == "linear":  # told now and then, and of no effect
        rest.pop("original_max_position_embeddings", None)
    if rest:
        name, value = next(iter(rest.items()))
        raise refusal(f"{name} of rope_parameters", value, f"{kind} is known without it")
    return scaling


def write_scaling(scaling: RotaryScaling | None) -> dict[str, Any] | None:
    """Their `rope_scaling`."""
    if scaling is None:
        return None
    settings = {theirs: getattr(scaling, ours) for theirs, ours, _ in _SCALINGS[scaling.kind]}
    return {"rope_type": scaling.kind, **{name: value for name, value in settings.items() if value is not None}}


@dataclass(frozen=True)
class Rotary:
    """Rotary positions: `rope_theta` and `rope_scaling`, which Transformers 5 writes as one `rope_parameters`."""

    fields: tuple[str, ...] = ("rope_theta", "rope_scaling", "rope_parameters")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        settings = config.get("rope_parameters") or config.get("rope_scaling") or {}
        return read_rotary(settings, config.get("rope_theta", 10_000.0), config.get("max_position_embeddings"))

    def write(self, config: ModelConfig) -> dict[str, Any]:
        # The older spelling, which Transformers 4 and 5 both read.
        return {"rope_theta": config.rotary_theta, "rope_scaling": write_scaling(config.rotary_scaling)}


@dataclass(frozen=True)
class QueryKeyEpsilon:
    """Queries and keys are normalised with the ε of the other norms."""

    fields: tuple[str, ...] = ()
    default: float = 1e-6

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"query_key_norm_epsilon": config.get("rms_norm_eps", self.default)}

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


FIXED = {
    "form": "decoder",
    "mixer": "attention",
    "position": "rotary",
    "norm": "rms",
    "norm_place": "pre",
}

SETTINGS: tuple[Entry, ...] = (
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

KEYS = (
    Key("embedding.table.weight", "model.embed_tokens.weight"),
    Key(
        f"{BLOCK}.mixer.query_key_value.{{part}}",
        tuple(f"{LAYER}.self_attn.{name}_proj.{{part}}" for name in "qkv"),
        rotary=2,
    ),
    Key(f"{BLOCK}.mixer.output.{{part}}", f"{LAYER}.self_attn.o_proj.{{part}}"),
    Key(f"{BLOCK}.mixer.query_norm", f"{LAYER}.self_attn.q_norm.weight", rotary=1),
    Key(f"{BLOCK}.mixer.key_norm", f"{LAYER}.self_attn.k_norm.weight", rotary=1),
    Key(
        f"{BLOCK}.feedforward.input.{{part}}",
        (f"{LAYER}.mlp.gate_proj.{{part}}", f"{LAYER}.mlp.up_proj.{{part}}"),
    ),
    Key(f"{BLOCK}.feedforward.output.{{part}}", f"{LAYER}.mlp.down_proj.{{part}}"),
    Key("stack.norm.weight", "model.norm.weight"),
)
"""All but the norms around sublayers."""

_NORMS = (
    Key(f"{BLOCK}.sublayers.0.norm.weight", f"{LAYER}.input_layernorm.weight"),
    Key(f"{BLOCK}.sublayers.1.norm.weight", f"{LAYER}.post_attention_layernorm.weight"),
)


def kin(
    name: str,
    model_type: str,
    fixed: Mapping[str, Any],
    *settings: Entry,
    norms: tuple[Key, ...] = _NORMS,
    trunk: str | None = None,
) -> Family:
    """A family whose classes and tensors are named as Llama's.

    Args:
        name: as its classes begin.
        model_type: see `Family`.
        fixed: our fields in which it differs from Llama.
        settings: the entries that it has besides, which count before Llama's of the same fields.
        norms: the keys of the norms around sublayers.
        trunk: as those of its classes begin that name no words; None for the same.
    """
    trunk = trunk or name
    own = {field for entry in settings for field in entry.fields}
    shared = [entry for entry in SETTINGS if not own & set(entry.fields)]
    return Family(
        model_type=model_type,
        fixed={**FIXED, **fixed},
        settings=(*shared, *settings),
        prefix="model.",
        keys=(*KEYS, *norms),
        heads=(
            HeadSettings(f"{name}ForCausalLM", (Key("head.table.weight", "lm_head.weight"),), words=True),
            sequence_classifier(f"{trunk}ForSequenceClassification"),
            HeadSettings(f"{trunk}Model", bare=True),
        ),
        aliases={"lm_head.weight": "model.embed_tokens.weight"},
        ignored=(r".*\.rotary_emb\.inv_freq",),
    )


BIASES = {False: "none", True: "all"}

LLAMA = kin(
    "Llama",
    "llama",
    {},
    Same("head_dim", "head_width", None),
    Named("attention_bias", "attention_bias", BIASES, False),
    Same("mlp_bias", "bias", False),
)
MISTRAL = kin(
    "Mistral",
    "mistral",
    {"attention_bias": "none"},
    Same("head_dim", "head_width", None),
    Same("sliding_window", "window", 4096),
)
QWEN2 = kin(
    "Qwen2",
    "qwen2",
    {"attention_bias": "query_key_value"},
    Same("head_dim", "head_width", None),
    Only("use_sliding_window", False),
    LayerTypes(),
)
QWEN3 = kin(
    "Qwen3",
    "qwen3",
    {"query_key_norm": "weighted"},
    Same("head_dim", "head_width", 128),
    QueryKeyEpsilon(),
    Named("attention_bias", "attention_bias", BIASES, False),
    Only("use_sliding_window", False),
    LayerTypes(),
)
