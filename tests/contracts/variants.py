"""The models that every contract is held against: each mixer and kind of position, in each form, as small as can be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from langue.batch import Batch
from langue.models import Model, ModelConfig, build
from langue.models.layers import LayerPattern

VOCABULARY = 29
WIDTH = 16

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "context": 16,
    "width": WIDTH,
    "layers": 2,
    "heads": 4,
    "feedforward_width": 24,
    "bias": True,
    "embedding_bias": True,
}
_PLAIN = {"norm": "none", "residual": False, "feedforward": "none", "tie_embeddings": False, "embedding_width": 12}

MIXERS: dict[str, dict[str, Any]] = {
    "attention": {"mixer": "attention", "position": "none"},
    "attention-learned": {
        "mixer": "attention",
        "position": "learned",
        "position_offset": 2,
        "norm": "layer",
        "feedforward": "gelu_tanh",
    },
    "attention-sinusoidal": {
        "mixer": "attention",
        "position": "sinusoidal",
        "norm": "layer",
        "norm_place": "post",
        "embedding_norm": True,
        "embedding_scale": True,
        "feedforward": "relu",
    },
    "attention-rotary": {"mixer": "attention", "position": "rotary", "query_key_norm": "plain"},
    "attention-weighted": {
        "mixer": "attention",
        "position": "rotary",
        "key_heads": 2,
        "query_key_norm": "weighted",
        "attention_bias": "query_key_value",
        "rotary_scaling": {"kind": "yarn", "factor": 4, "original_context": 8, "fast": 32},
    },
    "attention-relative": {
        "mixer": "attention",
        "position": "relative",
        "relative_buckets": 8,
        "relative_reach": 10,
        "feedforward": "geglu",
    },
    "attention-grouped": {"mixer": "attention", "position": "rotary", "key_heads": 2, "feedforward": "swiglu"},
    "attention-sliding": {"mixer": "attention", "position": "rotary", "window": 3},
    "attention-sliding-relative": {
        "mixer": "attention",
        "position": "relative",
        "window": 4,
        "relative_buckets": 4,
        "relative_reach": 5,
    },
    "attention-parallel": {
        "block": "parallel",
        "position": "rotary",
        "head_width": 6,
        "rotary_width": 4,
        "norm": "layer",
        "feedforward": "gelu",
        "layers": [{"mixer_norm": False}, {}],
    },
    "attention-joint": {
        "position": "rotary",
        "key_heads": 2,
        "query_key_norm": "joint",
        "norm_place": "output",
        "feedforward": "geglu_exact",
    },
    "attention-capped": {
        "layers": [{"window": 3, "rotary_theta": 100.0}, {}],
        "key_heads": 2,
        "query_key_norm": "offset",
        "score_width": 2,
        "score_cap": 1.5,
        "logit_cap": 3.0,
        "norm": "rms_offset",
        "norm_place": "sandwich",
        "feedforward": "geglu",
    },
    "attention-disentangled": {
        "position": "disentangled",
        "relative_buckets": 4,
        "relative_reach": 10,
        "key_heads": 2,
        "norm": "layer",
        "norm_place": "post",
        "feedforward": "gelu",
    },
    "attention-closed-sines": {"position": "sinusoidal", "sinusoidal_closed": True, "position_offset": 2},
    "lstm": {"mixer": "lstm", "position": "none"},
    "lstm-plain": {"mixer": "lstm", "position": "none", **_PLAIN},
    "lstm-learned": {"mixer": "lstm", "position": "learned", "embedding_width": 12, "tie_embeddings": False},
    "gru": {"mixer": "gru", "position": "none"},
    "rnn": {"mixer": "rnn", "position": "none", "norm_place": "post"},
    "window": {"mixer": "window", "position": "none", "window": 3},
    "conformer": {
        "mixer": "attention",
        "position": "rotary",
        "block": "conformer",
        "convolution": 3,
        "norm": "layer",
        "feedforward": "silu",
    },
    "conformer-gru": {"mixer": "gru", "position": "none", "block": "conformer", "convolution": 4},
    "gru-gru-attention": {"layers": ["gru", "gru", "attention"], "position": "rotary"},
    "attention-over-lstm": {"layers": {"pattern": ["lstm", "attention"], "repeat": 2}, "position": "learned"},
    "lstm-over-attention": {
        "layers": ["attention", "lstm"],
        "position": "relative",
        "relative_buckets": 8,
        "relative_reach": 10,
    },
    "sliding-and-full": {
        "layers": [
            {"window": 3, "key_heads": 2, "bottleneck": 5},
            {"rotary_theta": 1e6},
            {"position": "none", "norm": "layer", "norm_place": "post", "feedforward": "swiglu"},
        ]
    },
    "window-rnn-conformer": {
        "window": 3,
        "layers": [
            "window",
            {"mixer": "rnn", "feedforward": "none"},
            {"block": "conformer", "convolution": 3, "window": None},
        ],
        "position": "rotary",
    },
    "window-plain": {"mixer": "window", "position": "none", "window": 4, **_PLAIN},
}

# How far a position may look at least, on each side that its form lets it see, through two layers.
NEAR = 2

# Encoder–decoders whose encoder is of another kind than their decoder.
MIXED: dict[str, dict[str, Any]] = {
    "attention+lstm-encoder": {
        **MIXERS["attention-rotary"],
        "encoder": {"mixer": "lstm", "position": "none", "layers": 1},
    },
    "gru+attention-encoder": {**MIXERS["gru"], "encoder": {"mixer": "attention", "position": "sinusoidal"}},
    "window+wide-attention-encoder": {
        **MIXERS["window"],
        "encoder": {"mixer": "attention", "position": "rotary", "width": 24, "window": None},
    },
    "lstm+conformer-encoder": {**MIXERS["lstm"], "encoder": {**MIXERS["conformer"], "layers": 1}},
    "attention+hybrid-encoder": {**MIXERS["attention-rotary"], "encoder": {"layers": ["lstm", "attention"]}},
    "relative+window-encoder": {
        **MIXERS["attention-relative"],
        "encoder": {"mixer": "window", "position": "none", "window": 3, "norm": "rms", "feedforward": "relu"},
    },
}

# Encoder–decoders with what no other form has: older ways to look at the source, two vocabularies, T5's first scales.
OTHERS: dict[str, dict[str, Any]] = {
    "relative-unscaled": {
        **MIXERS["attention-relative"],
        "score_scale": False,
        "head_scale": True,
    },
    "lstm-bahdanau": {**MIXERS["lstm"], "cross": "bahdanau", "encoder": {"width": 24}, "source_vocab_size": 31},
    "gru-luong-plain": {"mixer": "gru", "position": "none", **_PLAIN, "cross": "luong"},
    "attention-silu+lstm-decoder": {
        **MIXERS["lstm"],
        "feedforward": "silu",
        "cross": "luong",
        "encoder": {"mixer": "attention", "position": "rotary"},
    },
    "attention-over-gru-luong": {
        "layers": ["gru", "attention"],
        "cross": "luong",
        "encoder": {"layers": ["attention", "gru"]},
    },
    "attention-two-vocabularies": {**MIXERS["attention-rotary"], "source_vocab_size": 31},
}

DECODERS = [f"decoder:{name}" for name in MIXERS]
ENCODERS = [f"encoder:{name}" for name in MIXERS]
SEQ2SEQS = [f"seq2seq:{name}" for name in MIXERS | MIXED | OTHERS]
CAUSAL = DECODERS + SEQ2SEQS
ALL = DECODERS + ENCODERS + SEQ2SEQS


def config_of(variant: str, **changes: Any) -> ModelConfig:
    """The configuration of a variant such as `decoder:lstm`."""
    form, name = variant.split(":")
    return ModelConfig.model_validate({**_COMMON, "form": form, **(MIXERS | MIXED | OTHERS)[name], **changes})


def more_layers(config: ModelConfig) -> Any:
    """The same layers with one or more behind them."""
    if isinstance(config.layers, int):
        return config.layers + 1
    if isinstance(config.layers, LayerPattern):
        return {**config.layers.model_dump(), "repeat": config.layers.repeat + 1}
    return [*config.layers, config.layers[0]]


def model_of(variant: str, **changes: Any) -> Model:
    """A variant none of whose parameters is zero or otherwise without effect, ready for use."""
    model = build(config_of(variant, **changes), seed=1)
    noise = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.2)
    return model.eval()


def precise_model_of(variant: str, **changes: Any) -> Model:
    """The same in float64, where two ways of working out one thing agree to many digits or are not the same thing."""
    return model_of(variant, **changes).double()


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    """Token numbers, all of the vocabulary equally likely."""
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def other_ids(ids: Tensor, shift: int = 7) -> Tensor:
    """Token numbers that differ from `ids` everywhere."""
    return (ids + shift) % VOCABULARY


def batch_of(model: Model, ids: Tensor, **more: Any) -> Batch:
    """A batch with a source where the model's form needs one; every row has a source of its own."""
    if model.config.form == "seq2seq" and "source" not in more:
        more["source"] = random_ids(ids.shape[0], 7, seed=99)
    return Batch(ids, **more)


def assert_close(actual: Tensor, expected: Tensor) -> None:
    """Equal up to float64's rounding."""
    torch.testing.assert_close(actual, expected, atol=1e-9, rtol=1e-9)
