"""T5 (Raffel et al. 2020), its version 1.1 with gates and a head of its own, which Flan-T5 is, and mT5 (Xue et al.
2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.family import Entry, Family, FirstOf, HeadSettings, Key, Named, Only, Same, Side, SideSettings, refusal
from langue.models import ModelConfig

# What stands behind "gated-" or alone, but that their "gated-gelu" is the tanh approximation and their "gelu" is not.
ACTIVATIONS = {
    "relu": "relu",
    "gated-gelu": "geglu",
    "gated-gelu_new": "geglu",
    "gated-silu": "swiglu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "silu": "silu",
}

_FIXED = {
    "form": "seq2seq",
    "mixer": "attention",
    "position": "relative",
    "norm": "rms",
    "norm_place": "pre",
    "score_scale": False,
}

_SETTINGS: tuple[Entry, ...] = (
    Same("vocab_size", "vocab_size"),
    # Relative positions have no end: a length that models of version 1.0 tell and later ones were trained at.
    Same("n_positions", "context", 512),
    Same("d_model", "width"),
    Same("d_kv", "head_width"),
    Same("d_ff", "feedforward_width"),
    SideSettings((Side("num_layers", "num_decoder_layers", "layers", 6),)),
    Same("num_heads", "heads"),
    Same("relative_attention_num_buckets", "relative_buckets", 32),
    Same("relative_attention_max_distance", "relative_reach", 128),
    Same("layer_norm_epsilon", "norm_epsilon", 1e-6),
    Same("dropout_rate", "dropout", 0.1),
    FirstOf(("decoder_start_token_id", "pad_token_id"), "decoder_start_token_id", 0),
    FirstOf(("forced_bos_token_id",), "forced_bos_token_id"),
    Only("is_encoder_decoder", True),
)


@dataclass(frozen=True)
class Scaled:
    """Version 1.0 divides by √width before its tied head, 1.1 does not: once `tie_word_embeddings` told one from the
    other, and Transformers 5, for which that is always true, has `scale_decoder_outputs` beside it."""

    fields: tuple[str, ...] = ("tie_word_embeddings", "scale_decoder_outputs")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        tied = config.get("tie_word_embeddings", True)
        scaled = config.get("scale_decoder_outputs")
        scaled = tied if scaled is None else scaled
        for name, value in zip(self.fields, (tied, scaled), strict=True):
            if not isinstance(value, bool):
                raise refusal(name, value, "it is true or false")
        return {"tie_embeddings": tied, "head_scale": scaled}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {"tie_word_embeddings": config.tie_embeddings, "scale_decoder_outputs": config.head_scale}


def _side(ours: str, theirs: str, cross: bool) -> tuple[Key, ...]:
    """The keys of one side."""
    block, layer = f"{ours}.blocks.{{layer}}", f"{theirs}.block.{{layer}}.layer"
    last = 2 if cross else 1
    feedforward = f"{layer}.{last}.DenseReluDense"
    crossing = (
        Key(f"{block}.cross.query.weight", f"{layer}.1.EncDecAttention.q.weight"),
        Key(
            f"{block}.cross.key_value.weight",
            (f"{layer}.1.EncDecAttention.k.weight", f"{layer}.1.EncDecAttention.v.weight"),
        ),
        Key(f"{block}.cross.output.weight", f"{layer}.1.EncDecAttention.o.weight"),
    )
    return (
        # It stands in the first layer and counts for all.
        Key(
            f"{ours}.attention_positions.0.weight",
            f"{theirs}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        ),
        Key(
            f"{block}.mixer.query_key_value.weight",
            tuple(f"{layer}.0.SelfAttention.{part}.weight" for part in ("q", "k", "v")),
        ),
        Key(f"{block}.mixer.output.weight", f"{layer}.0.SelfAttention.o.weight"),
        *(crossing if cross else ()),
        Key(f"{block}.feedforward.input.weight", (f"{feedforward}.wi_0.weight", f"{feedforward}.wi_1.weight")),
        Key(f"{block}.feedforward.input.weight", f"{feedforward}.wi.weight"),
        Key(f"{block}.feedforward.output.weight", f"{feedforward}.wo.weight"),
        *(
            Key(f"{block}.sublayers.{number}.norm.weight", f"{layer}.{number}.layer_norm.weight")
            for number in range(last + 1)
        ),
        Key(f"{ours}.norm.weight", f"{theirs}.final_layer_norm.weight"),
    )


def _family(name: str, model_type: str, fixed: Mapping[str, Any], *settings: Entry) -> Family:
    return Family(
        model_type=model_type,
        fixed={**_FIXED, **fixed},
        settings=(*_SETTINGS, *settings),
        prefix="",
        keys=(
            Key("embedding.table.weight", "shared.weight"),
            *_side("encoder", "encoder", False),
            *_side("stack", "decoder", True),
        ),
        heads=(
            HeadSettings(f"{name}ForConditionalGeneration", (Key("head.table.weight", "lm_head.weight"),), words=True),
        ),
        aliases={
            "lm_head.weight": "shared.weight",
            "encoder.embed_tokens.weight": "shared.weight",
            "decoder.embed_tokens.weight": "shared.weight",
        },
        # What looks at the source has no positions; the first files have them all the same.
        ignored=(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
        head_by_file=True,
    )


T5 = _family("T5", "t5", {}, Named("feed_forward_proj", "feedforward", ACTIVATIONS, "relu"), Scaled())
MT5 = _family(
    "MT5",
    "mt5",
    {"head_scale": False},
    Named("feed_forward_proj", "feedforward", ACTIVATIONS, "gated-gelu"),
    Same("tie_word_embeddings", "tie_embeddings", True),
)
