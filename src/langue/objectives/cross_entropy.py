"""The one cross-entropy: from hidden vectors to a summed loss, without ever holding all logits at once."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import IGNORE, Loss
from langue.matmul import multiply, multiply_transposed
from langue.nn.embedding import Head

# Logits of one chunk, in numbers. On a CPU 8 MB in fp32, which stay near its caches; a GPU wants long matrices.
CHUNK = {"cpu": 1 << 21}
CHUNK_ELSEWHERE = 1 << 26
# Each chunk adds to the whole matrix's gradient, which a chunk of too few rows would spend its time on.
LEAST_ROWS = 256


def linear_cross_entropy(hidden: Tensor, head: Head, targets: Tensor, smoothing: float = 0.0) -> Loss:
    """Cross-entropy between `head(hidden)` and targets, summed over the targets that are not `IGNORE`.

    Args:
        hidden: (…, width).
        head: the model's head, of V tokens.
        targets: (…) int64 below V, or IGNORE.
        smoothing: ε of label smoothing: the target gets 1 − ε, and ε is spread over all tokens (Szegedy et al. 2016,
            section 7).

    Returns:
        The loss in nats.
    """
    flat = targets.reshape(-1)
    total = _LinearCrossEntropy.apply(head.prepare(hidden).flatten(0, -2), head.weight, head.bias, flat, smoothing)
    return Loss(total, (flat != IGNORE).sum())


class _LinearCrossEntropy(torch.autograd.Function):
    """Works out its gradients on the way forward, chunk by chunk, while the chunk's logits are still in the cache.

    A sum's gradient does not depend on what comes after it but for one factor, so nothing need be kept or done twice.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float
    ) -> Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        matrix, inputs, shift = weight.to(dtype), hidden.to(dtype), None if bias is None else bias.to(dtype)
        exact = torch.promote_types(dtype, torch.float32)
        total = hidden.new_zeros((), dtype=exact)
        wanted = any(ctx.needs_input_grad[:3])
        sums = _Sums(weight, bias)
        rows = max(LEAST_ROWS, CHUNK.get(device, CHUNK_ELSEWHERE) // weight.shape[0])
        with torch.autocast(device, enabled=False):
            # Once even without rows, so that every process has a gradient to add up.
            for start in range(0, max(1, inputs.shape[0]), rows):
                piece = slice(start, start + rows)
                scores = multiply(inputs[piece], matrix, shift)
                loss, grad = _loss_and_gradient(scores.to(exact), targets[piece], smoothing, wanted)
                total += loss
                if wanted:
                    sums.add(grad.to(dtype), matrix, inputs[piece])
        if wanted:
            ctx.save_for_backward(sums.by_hidden(hidden), sums.by_weight, sums.by_bias)
        return total

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        grads = [None if grad is None else grad * factor for grad in ctx.saved_tensors]
        return (*grads, None, None)


def _loss_and_gradient(scores: Tensor, targets: Tensor, smoothing: float, wanted: bool) -> tuple[Tensor, Tensor]:
    """Summed loss of a chunk and, if it is wanted, the gradient by its scores."""
    if not wanted:
        loss = F.cross_entropy(scores, targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing)
        return loss, scores
    asked = targets != IGNORE
    place = targets.where(asked, 0)[:, None]
    # One softmax serves both: its greatest share, which is 1/V at least, tells by what the scores were divided. And it
    # is not exp(log-probabilities), which is ten times slower on a CPU where many of them underflow.
    grad = F.softmax(scores, -1)
    divisor = scores.amax(-1, keepdim=True) - grad.amax(-1, keepdim=True).log_()
    loss = divisor - (1 - smoothing) * scores.gather(1, place)
    if smoothing:
        loss -= smoothing * scores.mean(-1, keepdim=True)
    loss = loss.masked_fill_(~asked[:, None], 0.0).sum()
    grad.scatter_add_(1, place, grad.new_full((1, 1), smoothing - 1).expand_as(place))
    if smoothing:
        grad -= smoothing / scores.shape[1]
    grad *= asked[:, None]
    return loss, grad


class _Sums:
    """Gradients by hidden vectors, weight and bias, of chunk after chunk.

    They add up in the parameters' own precision: a sum of many in bfloat16 would lose most of its digits.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.pieces: list[Tensor] = []
        self.by_weight: Tensor | None = None
        self.by_bias: Tensor | None = None
        self.weight, self.bias = weight, bias

    def add(self, grad: Tensor, matrix: Tensor, inputs: Tensor) -> None:
        """Carry a chunk's gradient (rows, V) by its scores on."""
        self.pieces.append(multiply(grad, matrix.t()))
        self.by_weight = _add(self.by_weight, multiply_transposed(grad, inputs), self.weight)
        if self.bias is not None:
            self.by_bias = _add(self.by_bias, grad.sum(0), self.bias)

    def by_hidden(self, hidden: Tensor) -> Tensor:
        """The gradient by all hidden vectors."""
        whole = self.pieces[0] if len(self.pieces) == 1 else torch.cat(self.pieces)
        return whole.to(hidden.dtype)


def _add(total: Tensor | None, part: Tensor, like: Tensor) -> Tensor:
    return part.to(like.dtype) if total is None else total.add_(part)
