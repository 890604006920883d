"""The nanoGPT recipe for a laptop's CPU, in plain PyTorch: the model, its AdamW, its schedule, its random windows.

Karpathy's nanoGPT (github.com/karpathy/nanoGPT, README "I only have a macbook") trains this on Tiny Shakespeare.

    python -m benchmarks.peers.nanogpt '{"path": FILE, "context": 64, "seed": 0, "steps": 2000}'

prints one JSON object: the steps, their seconds, and the loss on the last tenth of the file.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.loop import adamw, make_step, random_ids


@dataclass(frozen=True)
class Shape:
    """Size of the model; the defaults are the recipe's."""

    vocab_size: int = 65
    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 64


class Block(nn.Module):
    """Causal self-attention and a GELU feedforward, each after a LayerNorm without bias, each with a shortcut."""

    def __init__(self, shape: Shape):
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.expand, self.shrink = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.query_key_value(self.norm_1(x)).split(width, dim=2)
        query, key, value = (part.view(rows, length, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.mixed(y.transpose(1, 2).contiguous().view(rows, length, width))
        return x + self.shrink(F.gelu(self.expand(self.norm_2(x))))


class NanoGPT(nn.Module):
    """Token and learned position embeddings, blocks, a LayerNorm, and a head tied to the token embedding."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.token = nn.Embedding(shape.vocab_size, shape.width)
        self.position = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, bias=False)
        self.head = nn.Linear(shape.width, shape.vocab_size, bias=False)
        self.head.weight = self.token.weight
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                into_shortcut = name.endswith(("mixed.weight", "shrink.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * shape.layers) if into_shortcut else 0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T) → logits (B, T, V)."""
        x = self.token(inputs) + self.position(torch.arange(inputs.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats of inputs and targets (B, T)."""
        logits = self(inputs)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def learning_rate(step: int, steps: int, peak: float = 1e-3, floor: float = 1e-4, warm_up: int = 100) -> float:
    """Linear warm-up, then half a cosine down to the floor."""
    if step < warm_up:
        return peak * (step + 1) / (warm_up + 1)
    done = (step - warm_up) / (steps - warm_up)
    return floor + 0.5 * (1 + math.cos(math.pi * done)) * (peak - floor)


def train(
    tokens: Tensor, shape: Shape, *, steps: int = 2000, batch: int = 12, seed: int = 1337
) -> tuple[NanoGPT, float]:
    """The recipe on a flat array of tokens: the model, and the seconds that its steps took.

    Nothing is evaluated, logged or saved while the clock runs.
    """
    torch.manual_seed(seed)
    model = NanoGPT(shape)
    optimizer = adamw(model)
    parameters = list(model.parameters())
    window = torch.arange(shape.context + 1)
    start = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        rows = tokens[torch.randint(len(tokens) - shape.context, (batch, 1)) + window]
        model.loss(rows[:, :-1], rows[:, 1:]).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return model, time.perf_counter() - start


@torch.no_grad()
def whole_loss(logits: Callable[[Tensor], Tensor], tokens: Tensor, context: int, batch: int = 256) -> float:
    """Mean loss in nats over a whole text, each token but the first predicted once.

    Rows overlap by half: a row judges its second half, so that every token has half a context before it at least, but
    for those at the very beginning. That is how the recipe's 1.886 was measured; in rows that only touch, the same
    models end at 1.91.

    Args:
        logits: (B, T) → (B, T, V).
        tokens: the text, longer than the context.
        context: T.
        batch: rows at once.
    """
    last = len(tokens) - 1 - context
    starts = [*range(0, last, context // 2), last]
    total, judged = 0.0, 0
    for first in range(0, len(starts), batch):
        some = starts[first : first + batch]
        rows = tokens[torch.tensor(some)[:, None] + torch.arange(context + 1)]
        losses = F.cross_entropy(logits(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none")
        for start, row in zip(some, losses, strict=True):
            total += float(row[judged - start :].double().sum())
            judged = start + context
    return total / judged


def step_maker(*, vocab_size: int, layers: int, heads: int, width: int, context: int, batch: int) -> Callable[[], None]:
    """A training step of this model at some size."""
    torch.manual_seed(0)
    model = NanoGPT(Shape(vocab_size, layers, heads, width, context))
    return make_step(model, model.loss, random_ids(vocab_size, batch, context))


def main(given: dict[str, Any]) -> dict[str, float]:
    """Train by the recipe on a file's characters; seconds of its steps, and its loss."""
    text = Path(given["path"]).read_text(encoding="utf-8")
    characters = sorted(set(text))
    number = {character: index for index, character in enumerate(characters)}
    tokens = torch.tensor([number[character] for character in text])
    cut, context = int(0.9 * len(tokens)), given["context"]
    shape = Shape(vocab_size=len(characters), context=context)
    model, seconds = train(tokens[:cut], shape, steps=given["steps"], seed=given["seed"])
    return {"steps": given["steps"], "seconds": seconds, "loss": whole_loss(model, tokens[cut:], context)}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
