"""The training step that all peers share: forward, loss, backward, clip, AdamW. The least that PyTorch users write."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def adamw(model: nn.Module, learning_rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.99)) -> torch.optim.AdamW:
    """torch's fused AdamW; weight decay on matrices and embeddings, none on vectors, as nanoGPT does it."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=betas, fused=True)


def make_step(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], ids: Tensor) -> Callable[[], None]:
    """A step on rows `ids` (B, T + 1), of which `loss(inputs, targets)` is the mean cross-entropy."""
    optimizer = adamw(model)
    parameters = list(model.parameters())
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()

    def step() -> None:
        loss(inputs, targets).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def random_ids(vocab_size: int, batch: int, context: int) -> Tensor:
    """Rows (batch, context + 1) of random tokens: the time of a step does not depend on what they say."""
    return torch.randint(vocab_size, (batch, context + 1), generator=torch.Generator().manual_seed(0))
