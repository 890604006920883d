"""x-transformers' decoder with PyTorch's fused attention, rotary positions, RMSNorm and ReLU², its own fast options."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.peers.loop import make_step, random_ids


def step_maker(*, vocab_size: int, layers: int, heads: int, width: int, context: int, batch: int) -> Callable[[], None]:
    """A training step at some size."""
    from x_transformers import Decoder, TransformerWrapper

    torch.manual_seed(0)
    layer_stack = Decoder(
        dim=width, depth=layers, heads=heads, attn_dim_head=width // heads, attn_flash=True, rotary_pos_emb=True,
        use_rmsnorm=True, ff_relu_squared=True, ff_no_bias=True,
    )  # fmt: skip
    model = TransformerWrapper(
        num_tokens=vocab_size, max_seq_len=context, attn_layers=layer_stack, use_abs_pos_emb=False, tie_embedding=True
    )
    model.train()

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        logits = model(inputs)
        return F.cross_entropy(logits.view(-1, vocab_size), targets.view(-1))

    return make_step(model, loss, random_ids(vocab_size, batch, context))
