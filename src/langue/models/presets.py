"""Models by name: published ones at their published size, and small ones of every mixer, or of several, at one size."""

from __future__ import annotations

from typing import Any

from langue.errors import LangueError, hint

_MODERN: dict[str, Any] = {
    # What makes small models learn fast: Karpathy's nanochat and Jordan's modded-nanogpt use the same parts.
    "mixer": "attention",
    "position": "rotary",
    "norm": "rms",
    "query_key_norm": "plain",
    "feedforward": "relu2",
    "zero_output": True,
}

_RECURRENT: dict[str, Any] = {"position": "none", "norm": "rms", "feedforward": "relu2", "zero_output": True}

_GPT2: dict[str, Any] = {
    # Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3.
    "mixer": "attention",
    "position": "learned",
    "norm": "layer",
    "norm_epsilon": 1e-5,
    "feedforward": "gelu_tanh",
    "bias": True,
    "initializer_range": 0.02,
}

_LLAMA: dict[str, Any] = {
    # Touvron et al. 2023, "LLaMA", section 2.2.
    "mixer": "attention",
    "position": "rotary",
    "norm": "rms",
    "feedforward": "swiglu",
    "initializer_range": 0.02,
}

_BERT: dict[str, Any] = {
    # Devlin et al. 2019, "BERT", section 3, and its published code.
    "form": "encoder",
    "mixer": "attention",
    "position": "learned",
    "norm": "layer",
    "norm_place": "post",
    "norm_epsilon": 1e-12,
    "feedforward": "gelu",
    "bias": True,
    "embedding_norm": True,
    "segments": 2,
    "head_bias": True,
    "head_dense": "gelu",
    "head_norm": True,
    "initializer_range": 0.02,
}

PRESETS: dict[str, dict[str, Any]] = {
    "gpt-nano": {**_MODERN, "layers": 4, "heads": 4, "width": 128},
    "gpt-micro": {**_MODERN, "layers": 6, "heads": 6, "width": 384},
    # Its 256 learned positions are paid for by a narrower feedforward layer.
    "gpt2-nano": {**_GPT2, "layers": 4, "heads": 4, "width": 128, "feedforward_width": 480},
    "gpt2": {**_GPT2, "layers": 12, "heads": 12, "width": 768, "context": 1024, "vocab_size": 50_257},
    "gpt2-medium": {**_GPT2, "layers": 24, "heads": 16, "width": 1024, "context": 1024, "vocab_size": 50_257},
    "encoder-nano": {**_MODERN, "form": "encoder", "layers": 4, "heads": 4, "width": 128},
    # Its positions, second segment and dense layers are paid for by a narrower feedforward layer.
    "bert-nano": {**_BERT, "layers": 4, "heads": 4, "width": 128, "feedforward_width": 456},
    "bert-base": {**_BERT, "layers": 12, "heads": 12, "width": 768, "context": 512, "vocab_size": 30_522},
    "roberta-base": {
        # Liu et al. 2019: no second segment, a larger vocabulary, and positions that count from 2.
        **_BERT,
        "layers": 12,
        "heads": 12,
        "width": 768,
        "context": 512,
        "vocab_size": 50_265,
        "norm_epsilon": 1e-5,
        "segments": 1,
        "position_offset": 2,
    },
    "llama-nano": {**_LLAMA, "layers": 4, "heads": 4, "key_heads": 2, "width": 128, "feedforward_width": 384},
    "lstm-nano": {**_RECURRENT, "mixer": "lstm", "layers": 3, "width": 128, "feedforward_width": 512},
    "gru-nano": {**_RECURRENT, "mixer": "gru", "layers": 3, "width": 128, "feedforward_width": 640},
    "rnn-nano": {**_RECURRENT, "mixer": "rnn", "layers": 4, "width": 128, "feedforward_width": 640},
    "mlp-nano": {**_RECURRENT, "mixer": "window", "window": 8, "layers": 3, "width": 128, "feedforward_width": 512},
    # De et al. 2024, "Griffin", section 2: two recurrent layers, then one of attention, which alone has positions.
    "hybrid-nano": {
        **_MODERN,
        "layers": ["gru", "gru", "attention"],
        "heads": 4,
        "width": 128,
        "feedforward_width": 680,
    },
    "conformer-nano": {
        # Gulati et al. 2020, section 2, with rotary positions; narrower feedforward layers, for a block has two.
        **_MODERN,
        "form": "encoder",
        "block": "conformer",
        "convolution": 15,
        "feedforward": "silu",
        "layers": 3,
        "heads": 4,
        "width": 128,
        "feedforward_width": 280,
    },
    "mlp-bengio": {
        # Bengio et al. 2003, section 4.1: 5 words of 60 features each, 50 hidden units.
        "mixer": "window",
        "window": 5,
        "position": "none",
        "layers": 1,
        "embedding_width": 60,
        "width": 50,
        "norm": "none",
        "residual": False,
        "feedforward": "none",
        "tie_embeddings": False,
        "head_bias": True,
    },
    "lstm-classic": {
        # The textbook model: embedding, one LSTM, one linear layer.
        "mixer": "lstm",
        "position": "none",
        "layers": 1,
        "vocab_size": 10_000,
        "embedding_width": 128,
        "width": 256,
        "norm": "none",
        "residual": False,
        "feedforward": "none",
        "tie_embeddings": False,
        "head_bias": True,
    },
}


def preset(name: str) -> dict[str, Any]:
    """The fields of a preset.

    Raises:
        LangueError: there is none of this name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise LangueError(f"there is no preset {name!r}; {hint(str(name), PRESETS)}")
    return PRESETS[name]
