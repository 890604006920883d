"""Whisper (Radford et al. 2022): an encoder that hears windows of half a minute, and a decoder that writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.bart import FIXED, SETTINGS
from langue.hub.family import NOTHING, Entry, Family, FirstOf, Head, Key, Only, Side, Sides, refusal
from langue.models import ModelConfig


@dataclass(frozen=True)
class Bins:
    """How many bands are heard; all else about hearing is the same for all Whispers."""

    theirs: str = "num_mel_bins"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.theirs,)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        bins = config.get(self.theirs, 80)
        if type(bins) is not int or not 1 <= bins <= 256:
            raise refusal(self.theirs, bins, "it should be 80 or 128")
        return {"audio": {"features": "whisper", "bins": bins, "strides": (1, 2)}}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {} if config.audio is None else {self.theirs: config.audio.bins}


START = FirstOf(("decoder_start_token_id",), "decoder_start")

_REPLACED = ("max_position_embeddings", "tie_word_embeddings", "forced_bos_token_id", "add_bias_logits")


def _settings() -> tuple[Entry, ...]:
    """BART's, but for what the two sides have each for itself."""
    shared = [entry for entry in SETTINGS if not set(entry.fields) & {*_REPLACED, "encoder_layers"}]
    sides = next(entry for entry in SETTINGS if isinstance(entry, Sides))
    contexts = Side("max_source_positions", "max_target_positions", "context", 448)
    return (*shared, Sides((*sides.sides, contexts)), Bins(), Only("tie_word_embeddings", True), START)


def _side(ours: str, theirs: str, cross: bool) -> tuple[Key, ...]:
    """The keys of one side, whose attention adds nothing to keys: all scores of a query would grow alike."""
    block, layer = f"{ours}.blocks.{{layer}}", f"{theirs}.layers.{{layer}}"
    mixer, looks = f"{block}.mixer.query_key_value", f"{block}.cross.key_value"
    attention, across = f"{layer}.self_attn", f"{layer}.encoder_attn"
    crossing = (
        Key(f"{block}.cross.query.{{part}}", f"{across}.q_proj.{{part}}"),
        Key(f"{looks}.weight", (f"{across}.k_proj.weight", f"{across}.v_proj.weight")),
        Key(f"{looks}.bias", (NOTHING, f"{across}.v_proj.bias")),
        Key(f"{block}.cross.output.{{part}}", f"{across}.out_proj.{{part}}"),
        Key(f"{block}.sublayers.1.norm.{{part}}", f"{layer}.encoder_attn_layer_norm.{{part}}"),
    )
    return (
        Key(f"{mixer}.weight", tuple(f"{attention}.{name}_proj.weight" for name in ("q", "k", "v"))),
        Key(f"{mixer}.bias", (f"{attention}.q_proj.bias", NOTHING, f"{attention}.v_proj.bias")),
        Key(f"{block}.mixer.output.{{part}}", f"{attention}.out_proj.{{part}}"),
        Key(f"{block}.sublayers.0.norm.{{part}}", f"{layer}.self_attn_layer_norm.{{part}}"),
        *(crossing if cross else ()),
        Key(f"{block}.feedforward.input.{{part}}", f"{layer}.fc1.{{part}}"),
        Key(f"{block}.feedforward.output.{{part}}", f"{layer}.fc2.{{part}}"),
        Key(f"{block}.sublayers.{2 if cross else 1}.norm.{{part}}", f"{layer}.final_layer_norm.{{part}}"),
        Key(f"{ours}.position.weight", f"{theirs}.embed_positions.weight"),
        Key(f"{ours}.norm.{{part}}", f"{theirs}.layer_norm.{{part}}"),
    )


WHISPER = Family(
    model_type="whisper",
    fixed={**FIXED, "position": "learned", "norm_place": "pre"},
    settings=_settings(),
    prefix="model.",
    keys=(
        Key("embedding.weight", "model.decoder.embed_tokens.weight"),
        Key("hearing.layers.0.{part}", "model.encoder.conv1.{part}"),
        Key("hearing.layers.1.{part}", "model.encoder.conv2.{part}"),
        *_side("encoder", "model.encoder", False),
        *_side("stack", "model.decoder", True),
    ),
    heads=(Head("WhisperForConditionalGeneration", words=True), Head("WhisperModel", bare=True)),
    aliases={"proj_out.weight": "model.decoder.embed_tokens.weight"},
)
