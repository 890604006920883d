"""Small wav2vec 2.0s and HuBERTs of Transformers' with random weights."""

from typing import Any

import torch

SIZES: dict[str, Any] = {
    "vocab_size": 12,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "conv_dim": [8, 12, 16],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4,
    "mask_time_prob": 0.0,
}
STABLE = {**SIZES, "do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}


def randomized(theirs: Any, seed: int) -> Any:
    """A model of theirs whose every weight is random, those of its norms around 1."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for place, parameter in theirs.named_parameters():
            is_scale = ("norm" in place and place.endswith("weight")) or "original0" in place
            parameter.copy_(float(is_scale) + 0.15 * torch.randn(parameter.shape, generator=draws))
    return theirs.eval()
