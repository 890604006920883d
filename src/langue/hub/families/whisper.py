"""Whisper (Radford et al. 2022): an encoder that hears windows of half a minute, and a decoder that writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.bart import FIXED, SETTINGS
from langue.hub.family import NOTHING, Entry, Family, FirstOf, HeadSettings, Key, Only, Side, SideSettings, refusal
from langue.hub.folder import GENERATION
from langue.models import ModelConfig
from langue.nn.mel import FRAMES, HOP, RATE, WINDOW
from langue.text import Tokenizer
from langue.text.whisper_tokens import LATEST_START, WhisperTokens, is_whispers


@dataclass(frozen=True)
class Bins:
    """How many bands are heard, and by which heads words are timed; all else about hearing is the same for all."""

    theirs: str = "num_mel_bins"
    heads: str = "alignment_heads"

    @property
    def fields(self) -> tuple[str, ...]:
        return self.theirs, self.heads

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        bins = config.get(self.theirs, 80)
        if type(bins) is not int or not 1 <= bins <= 256:
            raise refusal(self.theirs, bins, "it should be 80 or 128")
        audio = {
            "features": "whisper",
            "bins": bins,
            "strides": (1, 2),
            "alignment_heads": config.get(self.heads) or (),
        }
        return {"audio": audio}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        if config.audio is None:
            return {}
        heads = [list(pair) for pair in config.audio.alignment_heads]
        return {self.theirs: config.audio.bins, **({self.heads: heads} if heads else {})}


START = FirstOf(("decoder_start_token_id",), "decoder_start")

_REPLACED = ("max_position_embeddings", "tie_word_embeddings", "forced_bos_token_id")


def _settings() -> tuple[Entry, ...]:
    """BART's, but for what the two sides have each for itself."""
    shared = [entry for entry in SETTINGS if not set(entry.fields) & {*_REPLACED, "encoder_layers"}]
    sides = next(entry for entry in SETTINGS if isinstance(entry, SideSettings))
    contexts = Side("max_source_positions", "max_target_positions", "context", 448)
    return (*shared, SideSettings((*sides.sides, contexts)), Bins(), Only("tie_word_embeddings", True), START)


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


def files(tokenizer: Tokenizer, config: ModelConfig) -> dict[str, dict[str, Any]]:
    """What Transformers' `generate` wants to be told of a Whisper's tokens, and its extractor of its features."""
    assert config.audio is not None
    window = config.encoder_config().context * config.audio.stride // FRAMES
    heard = {
        "feature_extractor_type": "WhisperFeatureExtractor", "processor_class": "WhisperProcessor",
        "feature_size": config.audio.bins, "sampling_rate": RATE, "hop_length": HOP, "n_fft": WINDOW,
        "chunk_length": window, "padding_value": 0.0, "return_attention_mask": False,
    }  # fmt: skip
    told = {GENERATION: generation(tokenizer, config)} if is_whispers(tokenizer) else {}
    return {"preprocessor_config.json": heard, **told}


def generation(tokenizer: Tokenizer, config: ModelConfig) -> dict[str, Any]:
    """What a published Whisper's generation_config.json says of its tokens."""
    told = WhisperTokens(tokenizer, config.vocab_size)
    never = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev")
    found: dict[str, Any] = {
        "decoder_start_token_id": told.start,
        "is_multilingual": bool(told.languages),
        "no_timestamps_token_id": told["notimestamps"],
        "prev_sot_token_id": told["startofprev"],
        "suppress_tokens": sorted({*told.unspoken(), *(told[name] for name in never), told.no_speech}),
        "begin_suppress_tokens": [tokenizer.encode(" ")[0], told.end],
        "max_initial_timestamp_index": LATEST_START,
        "max_length": config.context,
        "return_timestamps": False,
    }
    if told.languages:
        found["lang_to_id"] = {f"<|{code}|>": number for code, number in sorted(told.languages.items())}
        found["task_to_id"] = {name: told[name] for name in ("transcribe", "translate")}
    return found


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
    heads=(HeadSettings("WhisperForConditionalGeneration", words=True), HeadSettings("WhisperModel", bare=True)),
    aliases={"proj_out.weight": "model.decoder.embed_tokens.weight"},
    files=files,
)
