"""OLMo 2 (OLMo Team 2025): Llama with norms behind its sublayers, and of queries and keys of all heads together."""

from __future__ import annotations

from langue.hub.families.llama import BIASES, BLOCK, LAYER, QueryKeyEpsilon, kin
from langue.hub.family import Family, Key, Named, Same

OLMO2: Family = kin(
    "Olmo2",
    "olmo2",
    {"norm_place": "output", "query_key_norm": "joint"},
    Same("rms_norm_eps", "norm_epsilon", 1e-5),
    QueryKeyEpsilon(default=1e-5),
    Named("attention_bias", "attention_bias", BIASES, False),
    norms=(
        Key(f"{BLOCK}.sublayers.0.norm.weight", f"{LAYER}.post_attention_layernorm.weight"),
        Key(f"{BLOCK}.sublayers.1.norm.weight", f"{LAYER}.post_feedforward_layernorm.weight"),
    ),
)
