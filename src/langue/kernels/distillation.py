"""Cross-entropy beside the divergence from a teacher's distribution (Hinton, Vinyals & Dean 2015, "Distilling the
knowledge in a neural network", section 2), from hidden vectors of both, chunk by chunk.

Everywhere `hidden`, `weight`, `bias`, `targets` and `counted` are those of `langue.kernels.entropy`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.entropy import Chunks, Sums, logits_of, losses_and_gradient, precision_of
from langue.kernels.function import backward_of_result, keep


class Teaching(NamedTuple):
    """A teacher's view of the same rows, which gets no gradient, and how the student's is compared with it.

    Attributes:
        hidden: (N, teacher's width).
        weight: (V, teacher's width).
        bias: (V,), or None.
        temperature: by which the scores of both are divided.
        share: of the teacher in the sum.
        top: the teacher's likeliest tokens, among which alone it shares out its probability; None for all.
        cap: of its scores, see `langue.kernels.entropy.soft_capped`.
    """

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    temperature: float
    share: float
    top: int | None
    cap: float | None = None


def reference(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    smoothing: float,
    teaching: Teaching,
    cap: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(1 − share) · cross-entropy + share · temperature² · KL(teacher ‖ student), summed over rows, in nats.

    Both distributions are softened by the temperature, by which gradients of the second part shrink with its square.

    Returns:
        The sum; and (3,) without a gradient: the sum of both parts, unweighted, and the number of rows at which both
        have the same likeliest token.
    """
    share = teaching.share
    scores = logits_of(hidden, weight, bias, counted, cap)
    taught = logits_of(teaching.hidden, teaching.weight, teaching.bias, counted, teaching.cap)
    hard = F.cross_entropy(scores, targets.where(counted, 0), reduction="none", label_smoothing=smoothing) * counted
    soft = divergences(scores, taught, teaching.temperature, teaching.top) * counted
    agreeing = (scores.argmax(-1) == taught.argmax(-1)) & counted
    measured = torch.stack([hard.sum(), soft.sum(), agreeing.sum().to(hard.dtype)]).detach()
    return ((1 - share) * hard + share * soft).sum(), measured


def divergences(scores: Tensor, taught: Tensor, temperature: float, top: int | None = None) -> Tensor:
    """(N,) temperature² · KL(teacher ‖ student) of scores (N, V) of both, in nats."""
    theirs = (_likeliest(taught, top) / temperature).softmax(-1)
    own = (scores / temperature).log_softmax(-1)
    return temperature**2 * F.kl_div(own, theirs, reduction="none").sum(-1)


def _likeliest(taught: Tensor, top: int | None) -> Tensor:
    """Scores (N, V), but −∞ for all tokens that are less likely than the `top` likeliest."""
    if top is None or top >= taught.shape[-1]:
        return taught
    return taught.masked_fill(taught < taught.topk(top, -1).values[:, -1:], -torch.inf)


def chunked(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    smoothing: float,
    teaching: Teaching,
    cap: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The same in chunks of rows, gradients and all."""
    return _Distilled.apply(hidden, weight, bias, targets, counted, smoothing, teaching, cap, precision_of(hidden))[:2]


class _Distilled(torch.autograd.Function):
    """Works out its gradients on the way forward, as the cross-entropy alone does."""

    @staticmethod
    def forward(  # type: ignore[override]
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        counted: Tensor,
        smoothing: float,
        teaching: Teaching,
        cap: float | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        chunks, sums = Chunks(hidden, weight, bias, dtype, cap), Sums(weight, bias)
        teacher = Chunks(teaching.hidden, teaching.weight, teaching.bias, dtype, teaching.cap)
        share = teaching.share
        measured = hidden.new_zeros(3, dtype=chunks.exact)
        with torch.autocast(hidden.device.type, enabled=False):
            for piece in chunks.pieces:
                scores, taught = chunks.scores(piece), teacher.scores(piece)
                left_out = ~counted[piece, None]
                hard, grad = losses_and_gradient(scores, targets[piece], counted[piece], smoothing)
                soft, slope = _divergences_and_gradient(scores, taught, teaching.temperature, teaching.top)
                agreeing = (scores.argmax(-1) == taught.argmax(-1)) & counted[piece]
                grad.mul_(1 - share).add_(slope.masked_fill_(left_out, 0.0), alpha=share)
                sums.add(chunks.before_cap(grad, scores).to(dtype), chunks.matrix, chunks.inputs[piece])
                measured += torch.stack([hard.sum(), soft.masked_fill_(left_out, 0.0).sum(), agreeing.sum()])
        total = (1 - share) * measured[0] + share * measured[1]
        return total, measured, sums.by_hidden(hidden), sums.by_weight, sums.by_bias

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor | None, ...]) -> None:
        keep(ctx, *output[1:])
        ctx.save_for_backward(*output[2:])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        grads = [None if grad is None else grad * factor for grad in ctx.saved_tensors]
        return (*grads, *[None] * 6)


def _divergences_and_gradient(
    scores: Tensor, taught: Tensor, temperature: float, top: int | None
) -> tuple[Tensor, Tensor]:
    """temperature² · KL (rows, 1) of each row of a chunk, and the gradient of their sum by its scores."""
    taught, scores = taught / temperature, scores / temperature
    theirs, own = F.softmax(_likeliest(taught, top), -1), F.softmax(scores, -1)
    apart = _divisors(scores, own) - _divisors(taught, theirs)
    expected = torch.linalg.vecdot(theirs, taught.sub_(scores))[:, None]
    return (expected + apart).mul_(temperature**2), own.sub_(theirs).mul_(temperature)


def _divisors(scores: Tensor, shares: Tensor) -> Tensor:
    """(rows, 1) log-sum-exp of scores, by their greatest share, as in the cross-entropy."""
    return scores.amax(-1, keepdim=True) - shares.amax(-1, keepdim=True).log_()
