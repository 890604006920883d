"""Marian (Junczys-Dowmunt et al. 2018), the translators of OPUS-MT: BART with sinusoidal positions."""

from __future__ import annotations

from langue.hub.families.bart import ALIASES, FIXED, SETTINGS, SHARED, heads, side
from langue.hub.family import Also, Family, FirstOf, Key, Only

MARIAN = Family(
    model_type="marian",
    fixed={**FIXED, "position": "sinusoidal", "norm_place": "post"},
    settings=(
        *SETTINGS,
        FirstOf(("decoder_start_token_id", "pad_token_id"), "decoder_start_token_id"),
        Also("decoder_vocab_size", "vocab_size"),
        Only("share_encoder_decoder_embeddings", True),
        Only("normalize_before", False, written=False),
        Only("normalize_embedding", False, written=False),
        Only("static_position_embeddings", True, written=False),
        Only("add_final_layer_norm", False, written=False),
    ),
    prefix="model.",
    keys=(
        Key("embedding.table.weight", SHARED),
        *side("encoder", "model.encoder", False),
        *side("stack", "model.decoder", True),
    ),
    heads=heads("MarianMTModel", "MarianModel"),
    aliases=ALIASES,
    # Sines and cosines, which are worked out.
    ignored=(r"(model\.)?(en|de)coder\.embed_positions\.weight",),
)
