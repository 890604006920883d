"""DeBERTa of the second and third version (He et al. 2021, 2023), whose attention compares contents with distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.bert import OUTPUT, TRANSFORM, WORDS, classifiers
from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.family import (
    Also,
    Family,
    HeadSettings,
    Key,
    Named,
    Off,
    Only,
    Same,
    Unused,
    refusal,
)
from langue.models import ModelConfig

_TYPES = ["c2p", "p2c"]
_ONLY = {
    "relative_attention": True,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
}
"""Switches, each with the way that it stands in all of these but the smallest of the second version."""


@dataclass(frozen=True)
class Distances:
    """The buckets of distances, and up to which they reach: as far as there are positions where nothing is said."""

    fields: tuple[str, ...] = (
        *("position_buckets", "max_relative_positions", "max_position_embeddings", "pos_att_type"),
        *("relative_attention", "share_att_key", "norm_rel_ebd", "position_biased_input"),
    )

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        for name, wanted in _ONLY.items():
            if config.get(name) != wanted:
                raise refusal(name, config.get(name), f"Langue has only {wanted!r}")
        context, reach = config.get("max_position_embeddings", 512), config.get("max_relative_positions", -1)
        buckets, kinds = config.get("position_buckets", -1), config.get("pos_att_type") or []
        kinds = kinds.lower().split("|") if isinstance(kinds, str) else kinds
        if not isinstance(kinds, list) or sorted(map(str, kinds)) != _TYPES:
            raise refusal("pos_att_type", config.get("pos_att_type"), "Langue compares both ways, p2c and c2p")
        if type(buckets) is not int or buckets < 4:
            raise refusal("position_buckets", buckets, "Langue has buckets of distances, 4 or more")
        reach = context if type(reach) is not int or reach < 1 else reach
        return {"context": context, "relative_buckets": buckets, "relative_reach": reach}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {
            "max_position_embeddings": config.context,
            "position_buckets": config.relative_buckets,
            "max_relative_positions": config.relative_reach,
            "pos_att_type": ["p2c", "c2p"],
            **_ONLY,
        }


_BLOCK, _LAYER = "stack.blocks.{layer}", "deberta.encoder.layer.{layer}"
_EMBEDDINGS = "deberta.embeddings"
_POOLER = Key("classifier.dense.linear.{part}", "pooler.dense.{part}")

DEBERTA_V2 = Family(
    model_type="deberta-v2",
    fixed={
        "form": "encoder",
        "mixer": "attention",
        "position": "disentangled",
        "norm": "layer",
        "norm_place": "post",
        "bias": True,
        "embedding_norm": True,
    },
    settings=(
        Same("vocab_size", "vocab_size", 128100),
        Same("hidden_size", "width", 1536),
        Same("num_hidden_layers", "layers", 24),
        Same("num_attention_heads", "heads", 24),
        Same("intermediate_size", "feedforward_width", 6144),
        Named("hidden_act", "feedforward", ACTIVATIONS, "gelu"),
        Same("layer_norm_eps", "norm_epsilon", 1e-7),
        Same("type_vocab_size", "segments", 0),
        Distances(),
        Same("tie_word_embeddings", "tie_embeddings", True),
        Same("initializer_range", "initializer_range", 0.02, optional=True),
        Same("hidden_dropout_prob", "dropout", 0.1),
        Also("attention_probs_dropout_prob", "dropout"),
        Only("pooler_hidden_act", "gelu", written=False),
        Only("legacy", True, written=False),
        Off("conv_kernel_size"),
        Unused("pooler_dropout", "pooler_hidden_size", "embedding_size", "attention_head_size", "conv_act"),
    ),
    prefix="deberta.",
    keys=(
        Key("embedding.table.weight", f"{_EMBEDDINGS}.word_embeddings.weight"),
        Key("segment.table.weight", f"{_EMBEDDINGS}.token_type_embeddings.weight"),
        Key("stack.embedding_norm.{part}", f"{_EMBEDDINGS}.LayerNorm.{{part}}"),
        Key("stack.attention_positions.0.weight", "deberta.encoder.rel_embeddings.weight"),
        Key("stack.attention_positions.0.norm.{part}", "deberta.encoder.LayerNorm.{part}"),
        Key(
            f"{_BLOCK}.mixer.query_key_value.{{part}}",
            tuple(f"{_LAYER}.attention.self.{name}_proj.{{part}}" for name in ("query", "key", "value")),
        ),
        Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_LAYER}.attention.output.dense.{{part}}"),
        Key(f"{_BLOCK}.sublayers.0.norm.{{part}}", f"{_LAYER}.attention.output.LayerNorm.{{part}}"),
        Key(f"{_BLOCK}.feedforward.input.{{part}}", f"{_LAYER}.intermediate.dense.{{part}}"),
        Key(f"{_BLOCK}.feedforward.output.{{part}}", f"{_LAYER}.output.dense.{{part}}"),
        Key(f"{_BLOCK}.sublayers.1.norm.{{part}}", f"{_LAYER}.output.LayerNorm.{{part}}"),
    ),
    heads=(
        HeadSettings("DebertaV2ForMaskedLM", WORDS, fields=TRANSFORM, words=True),
        *classifiers("DebertaV2", _POOLER, (_POOLER, OUTPUT), dense="gelu", trunk_pools=False),
    ),
    aliases={
        "cls.predictions.decoder.bias": "cls.predictions.bias",
        "cls.predictions.decoder.weight": f"{_EMBEDDINGS}.word_embeddings.weight",
    },
    # Version 3 was trained to tell replaced tokens from others, by a head that Transformers has no class for.
    ignored=(r".*embeddings\.position_ids", r"(lm|mask)_predictions\..*"),
)
