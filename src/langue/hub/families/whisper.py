"""Whisper (Radford et al. 2022): an encoder that hears windows of half a minute, and a decoder that writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.bart import FIXED, SETTINGS, ends, side
from langue.hub.family import Entry, Family, FirstOf, HeadSettings, Key, Only, Side, SideSettings, refusal
from langue.hub.folder import GENERATION
from langue.models import ModelConfig
from langue.nn.mel import FRAMES, HOP, RATE, WINDOW
from langue.text import Tokenizer
from langue.text.whisper_tokens import LATEST_START, WhisperTokens, is_whispers


@dataclass(frozen=True)
class Bins:
    """Bands of the mel scale, and the heads by which words are timed; all else of the audio is the same for all."""

    fields: tuple[str, ...] = ("num_mel_bins", "alignment_heads")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        bins, heads = config.get("num_mel_bins", 80), config.get("alignment_heads") or ()
        if type(bins) is not int or not 1 <= bins <= 256:
            raise refusal("num_mel_bins", bins, "it should be 80 or 128")
        return {"audio": {"features": "whisper", "bins": bins, "strides": (1, 2), "alignment_heads": heads}}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        if config.audio is None:
            return {}
        heads = [list(pair) for pair in config.audio.alignment_heads]
        return {"num_mel_bins": config.audio.bins, **({"alignment_heads": heads} if heads else {})}


START = FirstOf(("decoder_start_token_id",), "decoder_start_token_id")

_REPLACED = ("max_position_embeddings", "tie_word_embeddings", "forced_bos_token_id")


def _settings() -> tuple[Entry, ...]:
    """BART's, but for what the two sides have each for itself."""
    shared = [entry for entry in SETTINGS if not set(entry.fields) & {*_REPLACED, "encoder_layers"}]
    sides = next(entry for entry in SETTINGS if isinstance(entry, SideSettings))
    contexts = Side("max_source_positions", "max_target_positions", "context", 448)
    return (*shared, SideSettings((*sides.sides, contexts)), Bins(), Only("tie_word_embeddings", True), START)


def files(tokenizer: Tokenizer, config: ModelConfig, origin: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Files by which Transformers' `generate` knows a Whisper's tokens, and its extractor the features."""
    assert config.audio is not None
    window = config.encoder_config().context * config.audio.stride // FRAMES
    extractor = {
        "feature_extractor_type": "WhisperFeatureExtractor", "processor_class": "WhisperProcessor",
        "feature_size": config.audio.bins, "sampling_rate": RATE, "hop_length": HOP, "n_fft": WINDOW,
        "chunk_length": window, "padding_value": 0.0, "return_attention_mask": False,
    }  # fmt: skip
    tokens = {GENERATION: generation(tokenizer, config)} if is_whispers(tokenizer) else {}
    return {"preprocessor_config.json": extractor, **tokens}


def generation(tokenizer: Tokenizer, config: ModelConfig) -> dict[str, Any]:
    """The generation_config.json of a published Whisper: its tokens by their use."""
    tokens = WhisperTokens(tokenizer, config.vocab_size)
    suppressed = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev")
    content: dict[str, Any] = {
        "decoder_start_token_id": tokens.start,
        "is_multilingual": bool(tokens.languages),
        "no_timestamps_token_id": tokens["notimestamps"],
        "prev_sot_token_id": tokens["startofprev"],
        "suppress_tokens": sorted({*tokens.unspoken(), *(tokens[name] for name in suppressed), tokens.no_speech}),
        "begin_suppress_tokens": [tokenizer.encode(" ")[0], tokens.end],
        "max_initial_timestamp_index": LATEST_START,
        "max_length": config.context,
        "return_timestamps": False,
    }
    if tokens.languages:
        content["lang_to_id"] = {f"<|{code}|>": number for code, number in sorted(tokens.languages.items())}
        content["task_to_id"] = {name: tokens[name] for name in ("transcribe", "translate")}
    return content


WHISPER = Family(
    model_type="whisper",
    fixed={**FIXED, "position": "learned", "norm_place": "pre"},
    settings=_settings(),
    prefix="model.",
    keys=(
        Key("embedding.table.weight", "model.decoder.embed_tokens.weight"),
        Key("front_end.layers.0.{part}", "model.encoder.conv1.{part}"),
        Key("front_end.layers.1.{part}", "model.encoder.conv2.{part}"),
        *side("encoder", "model.encoder", False, key_bias=False),
        *side("stack", "model.decoder", True, key_bias=False),
        *ends("encoder", "model.encoder"),
        *ends("stack", "model.decoder"),
    ),
    heads=(HeadSettings("WhisperForConditionalGeneration", words=True), HeadSettings("WhisperModel", bare=True)),
    aliases={"proj_out.weight": "model.decoder.embed_tokens.weight"},
    files=files,
)
