"""BART (Lewis et al. 2020), and mBART (Liu et al. 2020), which norms before its sublayers and once more at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.family import (
    NOTHING,
    Also,
    Entry,
    Family,
    FirstOf,
    HeadSettings,
    Key,
    Named,
    Only,
    Same,
    Side,
    SideSettings,
)

SETTINGS: tuple[Entry, ...] = (
    Same("vocab_size", "vocab_size"),
    Same("d_model", "width", 1024),
    SideSettings(
        (
            Side("encoder_layers", "decoder_layers", "layers", 12),
            Side("encoder_attention_heads", "decoder_attention_heads", "heads", 16),
            Side("encoder_ffn_dim", "decoder_ffn_dim", "feedforward_width", 4096),
        )
    ),
    Same("max_position_embeddings", "context", 1024),
    Named("activation_function", "feedforward", {**ACTIVATIONS, "swish": "silu", "silu": "silu"}, "gelu"),
    Same("scale_embedding", "embedding_scale", False),
    Same("dropout", "dropout", 0.1),
    Also("attention_dropout", "dropout"),
    Also("activation_dropout", "dropout"),
    Same("init_std", "initializer_range", 0.02, optional=True),
    Only("tie_word_embeddings", True),
    Only("is_encoder_decoder", True),
    FirstOf(("forced_bos_token_id",), "forced_bos_token_id"),
)

FIXED = {
    "form": "seq2seq",
    "mixer": "attention",
    "norm": "layer",
    "norm_epsilon": 1e-5,
    "bias": True,
}

BIAS = Key("head.bias", "final_logits_bias", row=True)

SHARED = "model.shared.weight"

ALIASES = {
    "lm_head.weight": SHARED,
    "model.encoder.embed_tokens.weight": SHARED,
    "model.decoder.embed_tokens.weight": SHARED,
}


def _stacked(ours: str, theirs: str, names: str, key_bias: bool) -> tuple[Key, ...]:
    """The keys of stacked projections, which may add nothing to keys: all scores of a query would grow alike."""
    weights = tuple(f"{theirs}.{name}_proj.weight" for name in names)
    biases = tuple(NOTHING if name == "k" and not key_bias else f"{theirs}.{name}_proj.bias" for name in names)
    return Key(f"{ours}.weight", weights), Key(f"{ours}.bias", biases)


def side(ours: str, theirs: str, cross: bool, key_bias: bool = True) -> tuple[Key, ...]:
    """The keys of the blocks of one side, which Marian and Whisper share."""
    block, layer = f"{ours}.blocks.{{layer}}", f"{theirs}.layers.{{layer}}"
    crossing = (
        Key(f"{block}.cross.query.{{part}}", f"{layer}.encoder_attn.q_proj.{{part}}"),
        *_stacked(f"{block}.cross.key_value", f"{layer}.encoder_attn", "kv", key_bias),
        Key(f"{block}.cross.output.{{part}}", f"{layer}.encoder_attn.out_proj.{{part}}"),
        Key(f"{block}.sublayers.1.norm.{{part}}", f"{layer}.encoder_attn_layer_norm.{{part}}"),
    )
    return (
        *_stacked(f"{block}.mixer.query_key_value", f"{layer}.self_attn", "qkv", key_bias),
        Key(f"{block}.mixer.output.{{part}}", f"{layer}.self_attn.out_proj.{{part}}"),
        Key(f"{block}.sublayers.0.norm.{{part}}", f"{layer}.self_attn_layer_norm.{{part}}"),
        *(crossing if cross else ()),
        Key(f"{block}.feedforward.input.{{part}}", f"{layer}.fc1.{{part}}"),
        Key(f"{block}.feedforward.output.{{part}}", f"{layer}.fc2.{{part}}"),
        Key(f"{block}.sublayers.{2 if cross else 1}.norm.{{part}}", f"{layer}.final_layer_norm.{{part}}"),
    )


def ends(ours: str, theirs: str) -> tuple[Key, ...]:
    """The keys before and behind the blocks of one side."""
    return (
        Key(f"{ours}.position.weight", f"{theirs}.embed_positions.weight"),
        Key(f"{ours}.embedding_norm.{{part}}", f"{theirs}.layernorm_embedding.{{part}}"),
        Key(f"{ours}.norm.{{part}}", f"{theirs}.layer_norm.{{part}}"),
    )


def heads(words: str, trunk: str) -> tuple[HeadSettings, ...]:
    """A class that gives logits of tokens, with its bias and without, and that of the trunk alone."""
    return (
        HeadSettings(words, (BIAS,), fields={"head_bias": True}, words=True),
        HeadSettings(words, words=True),
        HeadSettings(trunk, bare=True),
    )


def _family(name: str, model_type: str, fixed: Mapping[str, Any], start: Entry) -> Family:
    return Family(
        model_type=model_type,
        # The vector of position 0 stands behind two that are never used.
        fixed={**FIXED, "position": "learned", "position_offset": 2, "embedding_norm": True, **fixed},
        settings=(*SETTINGS, start),
        prefix="model.",
        keys=(
            Key("embedding.table.weight", SHARED),
            *side("encoder", "model.encoder", False),
            *side("stack", "model.decoder", True),
            *ends("encoder", "model.encoder"),
            *ends("stack", "model.decoder"),
        ),
        heads=heads(f"{name}ForConditionalGeneration", f"{name}Model"),
        aliases=ALIASES,
        ignored=(r"(model\.)?(en|de)coder\.version",),
    )


START = "decoder_start_token_id"

BART = _family("Bart", "bart", {"norm_place": "post"}, FirstOf((START,), START, 2))
MBART = _family("MBart", "mbart", {"norm_place": "pre"}, FirstOf((START,), START))
