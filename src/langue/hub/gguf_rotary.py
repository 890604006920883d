"""Stretched rotary positions in GGUF: by settings, or by a tensor of factors (Llama 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from langue.errors import LangueError
from langue.extra import need
from langue.hub.gguf_file import GGUFFile
from langue.models import ModelConfig
from langue.nn.rotary import RotaryScaling, scaled

gguf = need("gguf", "formats", "GGUF")

_FACTORS = "rope_freqs.weight"


def read_scaling(file: GGUFFile, architecture: str, head_width: int, theta: float) -> RotaryScaling | None:
    """The stretching that a file declares.

    Raises:
        LangueError: it is of a kind that Langue does not know.
    """
    prefix = f"{architecture}.rope.scaling"
    kind = file.setting(f"{prefix}.type", str, "none")
    if _FACTORS in file.tensors:
        return _from_factors(file, head_width, theta)
    if kind == "none":
        return None
    factor = file.setting(f"{prefix}.factor", (float, int), 1.0)
    if kind == "linear":
        return RotaryScaling(kind="linear", factor=max(1.0, factor))
    if kind == "yarn":
        original = file.setting(f"{prefix}.original_context_length", int)
        return RotaryScaling(kind="yarn", factor=max(1.0, factor), original_context=max(1, original), fast=32.0)
    raise LangueError(f"{file.path} stretches rotary positions by {kind!r}; Langue knows linear, yarn and llama3")


def _from_factors(file: GGUFFile, head_width: int, theta: float) -> RotaryScaling:
    """Llama 3's stretching, which a file keeps as what each pair's rate is divided by; the largest is the factor."""
    if file.tensors[_FACTORS].shape != (head_width // 2,):
        raise LangueError(f"{file.path} is damaged: {_FACTORS} does not fit heads of {head_width}")
    factors = np.concatenate([piece.ravel() for _, piece in file.rows(_FACTORS)])
    # The other three numbers are those of every Llama 3 so far; the file does not hold them.
    scaling = RotaryScaling(kind="llama3", factor=max(1.0, float(factors.max())))
    if not np.allclose(factors, _factors(scaling, head_width, theta), rtol=1e-3):
        raise LangueError(
            f"{file.path} stretches rotary positions by factors of its own; Langue knows those of Llama 3"
        )
    return scaling


def _factors(scaling: RotaryScaling, head_width: int, theta: float) -> np.ndarray:
    rates = theta ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    return (rates / scaled(rates, theta, scaling)).float().numpy()


def write_scaling(writer: Any, config: ModelConfig) -> np.ndarray | None:
    """Give a `gguf.GGUFWriter` a model's stretching; the factors of Llama 3's are returned, to be written as a tensor.

    Raises:
        LangueError: it is one that llama.cpp could not be told of.
    """
    scaling = config.rotary_scaling
    if scaling is None:
        return None
    if scaling.kind == "llama3":
        if (scaling.original_context, scaling.slow, scaling.fast) != (8192, 1.0, 4.0):
            raise LangueError("GGUF keeps llama3's factor only; original_context, slow and fast must be 8192, 1 and 4")
        return _factors(scaling, config.resolved_head_width, config.rotary_theta)
    if scaling.kind == "yarn":
        if (scaling.slow, scaling.fast, scaling.attention_factor, scaling.truncate) != (1.0, 32.0, None, True):
            raise LangueError("GGUF keeps yarn's factor and original_context only; the rest must be as published")
        writer.add_rope_scaling_orig_ctx_len(scaling.original_context)
    writer.add_rope_scaling_type(gguf.RopeScalingType(scaling.kind))
    writer.add_rope_scaling_factor(scaling.factor)
    return None
