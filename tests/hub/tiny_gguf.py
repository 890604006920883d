"""A small model of each architecture that GGUF holds, and a tokenizer for it."""

from __future__ import annotations

from typing import Any

import torch

from langue.models import Model, ModelConfig, build
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

VOCABULARY = 300
TEXT = "the old king saw a red boat on the sea and sang of long lost days under eight stars, 1984 to 2025.\n" * 20

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {"key_heads": 2},
    "llama-untied": {"tie_embeddings": False, "rotary_theta": 100_000.0},
    "qwen2": {"attention_bias": "query_key_value", "key_heads": 2},
    # Transformers takes 128 for the width of Qwen3's heads, whatever a GGUF file says.
    "qwen3": {
        "query_key_norm": "weighted",
        "query_key_norm_epsilon": 1e-6,
        "norm_epsilon": 1e-6,
        "heads": 2,
        "key_heads": 1,
        "head_width": 128,
    },
}


def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=VOCABULARY), [TEXT])


def model(architecture: str, **changes: Any) -> Model:
    """A model of random weights, norms and biases too, that fp16 holds without rounding."""
    common = {"preset": "llama-nano", "vocab_size": VOCABULARY + 4, "context": 64, "width": 64, "layers": 2, "heads": 4}
    config = {**common, "key_heads": None, "feedforward_width": 96, **ARCHITECTURES[architecture], **changes}
    made = build(ModelConfig.model_validate(config))
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            offset = 1.0 if "norm" in name else 0.0
            parameter.copy_((offset + 0.15 * torch.randn(parameter.shape, generator=draws)).half())
    return made.eval()


def ids(rows: int = 3, length: int = 11) -> torch.Tensor:
    return torch.randint(VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(0))
