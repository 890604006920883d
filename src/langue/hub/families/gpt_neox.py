"""GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): attention and feedforward layer side by side, and
rotary positions that turn a part of each head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

from langue.hub.families.gpt2 import ACTIVATIONS, sequence_classifier
from langue.hub.families.llama import BIASES, read_rotary, write_scaling
from langue.hub.family import Also, Family, HeadSettings, Key, Named, Only, Same, refusal
from langue.models import ModelConfig

_SHARE = "partial_rotary_factor"


@dataclass(frozen=True)
class PartialRotary:
    """Rotary positions under names of their own, which turn `rotary_pct` of each head."""

    fields: tuple[str, ...] = ("rotary_pct", "rotary_emb_base", "rope_theta", "rope_scaling", "rope_parameters")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        settings = config.get("rope_parameters") or config.get("rope_scaling") or {}
        share = config.get("rotary_pct", 0.25)
        if isinstance(settings, dict):
            share = settings.get(_SHARE, share)
            settings = {name: value for name, value in settings.items() if name != _SHARE}
        theta = config.get("rotary_emb_base", config.get("rope_theta", 10_000.0))
        width = _head_width(config)
        if not isinstance(share, int | float) or not 0 < share <= 1 or int(width * share) % 2:
            raise refusal("rotary_pct", share, "it is a share of each head, and comes to an even number")
        turned = int(width * share)
        fields = read_rotary(settings, theta, config.get("max_position_embeddings"))
        return {**fields, "rotary_width": None if turned == width else turned}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        width = config.resolved_head_width
        turned = config.rotary_width or width
        share = turned / width
        share = share if int(width * share) == turned else nextafter(share, inf)
        scaling = write_scaling(config.rotary_scaling)
        return {"rotary_pct": share, "rotary_emb_base": config.rotary_theta, "rope_scaling": scaling}


def _head_width(config: Mapping[str, Any]) -> int:
    width, heads = config.get("hidden_size", 6144), config.get("num_attention_heads", 64)
    if type(width) is not int or type(heads) is not int or heads < 1:
        raise refusal("num_attention_heads", heads, "it divides hidden_size")
    return width // heads


_BLOCK, _LAYER = "stack.blocks.{layer}", "gpt_neox.layers.{layer}"

GPT_NEOX = Family(
    model_type="gpt_neox",
    fixed={
        "form": "decoder",
        "mixer": "attention",
        "position": "rotary",
        "norm": "layer",
        "norm_place": "pre",
        "bias": True,
    },
    settings=(
        Same("vocab_size", "vocab_size", 50432),
        Same("max_position_embeddings", "context", 2048),
        Same("hidden_size", "width", 6144),
        Same("num_hidden_layers", "layers", 44),
        Same("num_attention_heads", "heads", 64),
        Same("intermediate_size", "feedforward_width", 24576),
        Named("hidden_act", "feedforward", ACTIVATIONS, "gelu"),
        Same("layer_norm_eps", "norm_epsilon", 1e-5),
        PartialRotary(),
        Named("use_parallel_residual", "block", {True: "parallel", False: "plain"}, True),
        Named("attention_bias", "attention_bias", BIASES, True),
        Same("tie_word_embeddings", "tie_embeddings", False),
        Same("initializer_range", "initializer_range", 0.02, optional=True),
        Same("hidden_dropout", "dropout", 0.0),
        Also("attention_dropout", "dropout"),
        Only("is_decoder", False, written=False),
    ),
    prefix="gpt_neox.",
    keys=(
        Key("embedding.table.weight", "gpt_neox.embed_in.weight"),
        Key(f"{_BLOCK}.sublayers.0.norm.{{part}}", f"{_LAYER}.input_layernorm.{{part}}"),
        Key(
            f"{_BLOCK}.mixer.query_key_value.{{part}}",
            f"{_LAYER}.attention.query_key_value.{{part}}",
            rotary=2,
            whole="heads",
        ),
        Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_LAYER}.attention.dense.{{part}}"),
        Key(f"{_BLOCK}.sublayers.1.norm.{{part}}", f"{_LAYER}.post_attention_layernorm.{{part}}"),
        Key(f"{_BLOCK}.feedforward.input.{{part}}", f"{_LAYER}.mlp.dense_h_to_4h.{{part}}"),
        Key(f"{_BLOCK}.feedforward.output.{{part}}", f"{_LAYER}.mlp.dense_4h_to_h.{{part}}"),
        Key("stack.norm.{part}", "gpt_neox.final_layer_norm.{part}"),
    ),
    heads=(
        # Published files call the head otherwise than any other tensor.
        HeadSettings("GPTNeoXForCausalLM", (Key("head.table.weight", "embed_out.weight"),), words=True),
        sequence_classifier("GPTNeoXForSequenceClassification"),
        HeadSettings("GPTNeoXModel", bare=True),
    ),
    aliases={"embed_out.weight": "gpt_neox.embed_in.weight"},
    spellings={"lm_head.weight": "embed_out.weight"},
    # The causal mask, and what sines and cosines are worked out from.
    ignored=(r".*\.attention\.(masked_)?bias", r".*\.attention\.rotary_emb\.inv_freq"),
)
