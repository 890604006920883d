"""Transformers' GPT-2 and Llama, with random weights, PyTorch's fused attention, no dropout, no cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.loop import make_step, random_ids


def gpt2(vocab_size: int, layers: int, heads: int, width: int, context: int) -> nn.Module:
    """GPT-2 at some size."""
    from transformers import GPT2Config, GPT2LMHeadModel

    dropouts = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    tokens = {"bos_token_id": None, "eos_token_id": None}
    config = GPT2Config(
        vocab_size=vocab_size, n_positions=context, n_embd=width, n_layer=layers, n_head=heads, use_cache=False,
        attn_implementation="sdpa", **dropouts, **tokens,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def llama(vocab_size: int, layers: int, heads: int, width: int, context: int) -> nn.Module:
    """Llama at some size; its gated feedforward is 8/3 of the width, rounded up to a multiple of 64 as Llama's own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    inside = -(-8 * width // (3 * 64)) * 64
    config = LlamaConfig(
        vocab_size=vocab_size, max_position_embeddings=context, hidden_size=width, num_hidden_layers=layers,
        num_attention_heads=heads, intermediate_size=inside, tie_word_embeddings=True, use_cache=False,
        attn_implementation="sdpa", bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


_FAMILIES = {"gpt2": gpt2, "llama": llama}


def mean_loss(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The model's logits under torch's cross-entropy: faster than the loss it works out when given labels."""

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        logits = model(input_ids=inputs).logits
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))

    return loss


def step_maker(*, family: str, vocab_size: int, batch: int, context: int, **shape: Any) -> Callable[[], None]:
    """A training step of a family at some size."""
    torch.manual_seed(0)
    model = _FAMILIES[family](vocab_size=vocab_size, context=context, **shape).train()
    return make_step(model, mean_loss(model), random_ids(vocab_size, batch, context))
