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
        grads = None
        if any(ctx.needs_input_grad[:3]):
            # Chunks add up in the parameters' own precision: a sum of many in bfloat16 would lose most of its digits.
            grads = torch.empty_like(inputs), torch.zeros_like(weight), None if bias is None else torch.zeros_like(bias)
        rows = max(LEAST_ROWS, CHUNK.get(device, CHUNK_ELSEWHERE) // weight.shape[0])
        with torch.autocast(device, enabled=False):
            for start in range(0, inputs.shape[0], rows):
                piece = slice(start, start + rows)
                scores = multiply(inputs[piece], matrix, shift)
                loss, grad = _loss_and_gradient(scores.to(exact), targets[piece], smoothing, grads is not None)
                total += loss
                if grads is not None:
                    _add_gradient(grads, piece, grad.to(dtype), matrix, inputs)
        if grads is not None:
            ctx.save_for_backward(grads[0].to(hidden.dtype), *grads[1:])
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


def _add_gradient(
    grads: tuple[Tensor, Tensor, Tensor | None], piece: slice, grad: Tensor, matrix: Tensor, inputs: Tensor
) -> None:
    """Carry a chunk's gradient by its scores on to hidden vectors, matrix and bias."""
    by_hidden, by_matrix, by_bias = grads
    by_hidden[piece] = multiply(grad, matrix.t())
    by_matrix += multiply_transposed(grad, inputs[piece])
    if by_bias is not None:
        by_bias += grad.sum(0)
