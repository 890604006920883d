"""wav2vec 2.0 (Baevski et al. 2020), HuBERT (Hsu et al. 2021), and XLS-R and MMS, which are wav2vec 2.0s of many
languages: encoders that hear waveforms and write by CTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.bert import FIXED as BERT
from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.family import Also, Entry, Family, HeadSettings, Key, Named, Off, Only, Same, Unused, refusal
from langue.hub.folder import language_from
from langue.models import ModelConfig
from langue.nn.mel import RATE
from langue.text import Tokenizer

CONTEXT = 1500
"""Positions of half a minute, which is as much as is heard at once; the models themselves name no limit."""

BETWEEN = "|"
"""The token between words."""

FIXED = {name: value for name, value in BERT.items() if name not in ("norm_place", "embedding_norm")}
FIXED |= {"position": "none", "tie_embeddings": False}

_NAMES = {
    "do_normalize": "normalise",
    "conv_dim": "widths",
    "conv_kernel": "sizes",
    "conv_stride": "strides",
    "conv_bias": "bias",
    "num_conv_pos_embeddings": "position_size",
    "num_conv_pos_embedding_groups": "position_groups",
    "feat_proj_layer_norm": "projection_norm",
}
_NORMS = {"group": "first", "layer": "all"}


@dataclass(frozen=True)
class Waveform:
    """The convolutions; of `do_normalize`, which stands in preprocessor_config.json, the default is true."""

    fields: tuple[str, ...] = (*_NAMES, "feat_extract_norm")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        norm = config.get("feat_extract_norm", "group")
        if norm not in _NORMS:
            raise refusal("feat_extract_norm", norm, f"known: {', '.join(_NORMS)}")
        fields = {ours: config[theirs] for theirs, ours in _NAMES.items() if theirs in config}
        return {"audio": {"features": "waveform", "waveform": {**fields, "norm": _NORMS[norm]}}}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        if config.audio is None or config.audio.features != "waveform":
            return {}
        waveform = config.audio.waveform.model_dump(mode="json")
        norm = next(theirs for theirs, ours in _NORMS.items() if ours == waveform["norm"])
        return {**{theirs: waveform[ours] for theirs, ours in _NAMES.items()}, "feat_extract_norm": norm}


@dataclass(frozen=True)
class NormPlace:
    """The place of norms: behind each layer and the positions, or before each layer and behind the last."""

    fields: tuple[str, ...] = ("do_stable_layer_norm",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        stable = bool(config.get("do_stable_layer_norm", False))
        return {"norm_place": "pre" if stable else "post", "embedding_norm": not stable}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {"do_stable_layer_norm": config.norm_place == "pre"}


@dataclass(frozen=True)
class Context:
    """The longest recording, of which their folders know nothing; it is written where it is not the usual one."""

    fields: tuple[str, ...] = ("max_position_embeddings",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"context": config.get("max_position_embeddings", CONTEXT)}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {} if config.context == CONTEXT else {"max_position_embeddings": config.context}


@dataclass(frozen=True)
class Hiding:
    """The shares of a recording that Transformers hides while a model learns, by a vector that Langue does not keep."""

    fields: tuple[str, ...] = ("mask_time_prob", "mask_feature_prob")

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return dict.fromkeys(self.fields, 0.0)


SETTINGS: tuple[Entry, ...] = (
    Same("vocab_size", "vocab_size", 32),
    Same("hidden_size", "width", 768),
    Same("num_hidden_layers", "layers", 12),
    Same("num_attention_heads", "heads", 12),
    Same("intermediate_size", "feedforward_width", 3072),
    Named("hidden_act", "feedforward", {"gelu": "gelu", **ACTIVATIONS}, "gelu"),
    Same("layer_norm_eps", "norm_epsilon", 1e-5),
    Same("initializer_range", "initializer_range", 0.02, optional=True),
    Same("hidden_dropout", "dropout", 0.1),
    Also("attention_dropout", "dropout"),
    Also("activation_dropout", "dropout"),
    Also("final_dropout", "dropout"),
    Only("feat_extract_activation", "gelu"),
    Only("sampling_rate", RATE, written=False),
    Waveform(),
    NormPlace(),
    Context(),
    Same("adapter_attn_dim", "bottleneck", None, optional=True),
    Off("add_adapter"),
    Off("conv_pos_batch_norm"),
    Hiding(),
    Unused(  # what they learn by before they write
        *("num_feat_extract_layers", "feat_proj_dropout", "feat_quantizer_dropout", "layerdrop", "ctc_loss_reduction"),
        *("ctc_zero_infinity", "num_codevectors_per_group", "num_codevector_groups", "num_negatives", "codevector_dim"),
        *("contrastive_logits_temperature", "proj_codevector_dim", "diversity_loss_weight", "output_hidden_size"),
        *("tdnn_dim", "tdnn_kernel", "tdnn_dilation", "xvector_output_dim", "mask_channel_length"),
        *("adapter_kernel_size", "adapter_stride", "num_adapter_layers", "feat_extract_dropout", "hidden_dropout_prob"),
        *("mask_channel_min_space", "mask_channel_other", "mask_channel_prob", "mask_channel_selection"),
        *("mask_time_min_space", "mask_time_other", "mask_time_selection", "tokenizer_class", "gradient_checkpointing"),
    ),
)


def files(tokenizer: Tokenizer, config: ModelConfig, origin: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Files by which Transformers' extractor knows what the model hears, and its tokenizer the letters."""
    assert config.audio is not None
    extractor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor", "processor_class": "Wav2Vec2Processor",
        "feature_size": 1, "sampling_rate": RATE, "padding_side": "right", "padding_value": 0.0,
        "do_normalize": config.audio.waveform.normalise,
        "return_attention_mask": config.audio.waveform.norm == "all",
    }  # fmt: skip
    return {"preprocessor_config.json": extractor, **_letters(tokenizer, language_from(origin))}


def _letters(tokenizer: Tokenizer, language: str | None) -> dict[str, dict[str, Any]]:
    """The files of a tokenizer with a letter for each token; none of another kind. Those of one of several languages
    stand under its name."""
    names = {number: name for name, number in tokenizer.engine.get_vocab().items()}
    if any(len(name) > 1 for number, name in names.items() if number not in tokenizer.specials):
        return {}
    numbers = {"unk_token": tokenizer.unknown, "pad_token": tokenizer.pad}
    numbers |= {"bos_token": tokenizer.first, "eos_token": tokenizer.end}
    roles = {role: names[number] for role, number in numbers.items() if number is not None}
    between = {" ": BETWEEN} if BETWEEN not in names.values() else {}
    settings = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "word_delimiter_token": BETWEEN, "do_lower_case": False}
    letters: dict[str, Any] = {between.get(name, name): number for number, name in sorted(names.items())}
    if language is not None:
        settings, letters = {**settings, "target_lang": language}, {language: letters}
    return {
        "vocab.json": letters,
        "tokenizer_config.json": {**settings, **roles},
        "special_tokens_map.json": roles,
    }


def keys(prefix: str) -> tuple[Key, ...]:
    """The keys of the trunk, under its prefix."""
    front, block, layer = (
        f"{prefix}feature_extractor.conv_layers",
        "stack.blocks.{layer}",
        f"{prefix}encoder.layers.{{layer}}",
    )
    place = f"{prefix}encoder.pos_conv_embed.conv"
    return (
        Key("front_end.layers.{layer}.norm.{part}", f"{front}.{{layer}}.layer_norm.{{part}}"),
        Key("front_end.layers.{layer}.norm.norm.{part}", f"{front}.{{layer}}.layer_norm.{{part}}"),
        Key("front_end.layers.{layer}.{part}", f"{front}.{{layer}}.conv.{{part}}"),
        Key("front_end.norm.{part}", f"{prefix}feature_projection.layer_norm.{{part}}"),
        Key("front_end.projection.{part}", f"{prefix}feature_projection.projection.{{part}}"),
        Key("front_end.position.length", f"{place}.parametrizations.weight.original0"),
        Key("front_end.position.weight", f"{place}.parametrizations.weight.original1"),
        Key("front_end.position.bias", f"{place}.bias"),
        # Norms stand in one place or the other.
        Key("stack.embedding_norm.{part}", f"{prefix}encoder.layer_norm.{{part}}"),
        Key("stack.norm.{part}", f"{prefix}encoder.layer_norm.{{part}}"),
        Key(
            f"{block}.mixer.query_key_value.{{part}}",
            tuple(f"{layer}.attention.{name}_proj.{{part}}" for name in "qkv"),
        ),
        Key(f"{block}.mixer.output.{{part}}", f"{layer}.attention.out_proj.{{part}}"),
        Key(f"{block}.sublayers.0.norm.{{part}}", f"{layer}.layer_norm.{{part}}"),
        Key(f"{block}.feedforward.input.{{part}}", f"{layer}.feed_forward.intermediate_dense.{{part}}"),
        Key(f"{block}.feedforward.output.{{part}}", f"{layer}.feed_forward.output_dense.{{part}}"),
        Key(f"{block}.sublayers.1.norm.{{part}}", f"{layer}.final_layer_norm.{{part}}"),
        Key(f"{block}.bottleneck.norm.{{part}}", f"{layer}.adapter_layer.norm.{{part}}"),
        Key(f"{block}.bottleneck.input.{{part}}", f"{layer}.adapter_layer.linear_1.{{part}}"),
        Key(f"{block}.bottleneck.output.{{part}}", f"{layer}.adapter_layer.linear_2.{{part}}"),
    )


_LETTERS = (Key("head.table.weight", "lm_head.weight"), Key("head.bias", "lm_head.bias"))

_BIASED = {"head_bias": True}


def _family(name: str, model_type: str) -> Family:
    prefix = f"{model_type}."
    return Family(
        model_type=model_type,
        fixed=FIXED,
        settings=SETTINGS,
        prefix=prefix,
        keys=keys(prefix),
        heads=(
            HeadSettings(f"{name}ForCTC", _LETTERS, fields=_BIASED, words=True),
            # Those that were only pretrained, whose head is still to be learnt.
            HeadSettings(f"{name}ForPreTraining", fields=_BIASED),
            HeadSettings(f"{name}Model", fields=_BIASED, bare=True),
        ),
        # The vector that stands for what is hidden while they learn, and what they are pretrained by.
        ignored=(r".*masked_spec_embed", r"quantizer\..*", r"project_(q|hid)\..*"),
        spellings={
            "conv.weight_g": "conv.parametrizations.weight.original0",
            "conv.weight_v": "conv.parametrizations.weight.original1",
        },
        files=files,
        of_language=r"lm_head\..*|.*\.adapter_layer\..*",
    )


WAV2VEC2 = _family("Wav2Vec2", "wav2vec2")
HUBERT = _family("Hubert", "hubert")
