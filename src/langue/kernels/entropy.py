"""Cross-entropy and log-probabilities from hidden vectors, chunk by chunk, without ever holding all logits at once.

Everywhere `hidden` is (N, width), `weight` (V, width), `bias` (V,) or None, `targets` (N,) int64, and `counted` (N,)
bool: where it is False nothing is asked, whatever stands there.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.function import backward_of_result, keep
from langue.kernels.products import multiply, multiply_transposed

# Logits of one chunk, in numbers. On a CPU 8 MB in fp32, which stay near its caches; a GPU wants long matrices.
CHUNK = {"cpu": 1 << 21}
CHUNK_ELSEWHERE = 1 << 26
# Each chunk adds to the whole matrix's gradient, which a chunk of too few rows would spend its time on.
LEAST_ROWS = 256


def pick_reference(
    hidden: Tensor, targets: Tensor, counted: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Rows of `cross_entropy`, at least those that count: all as they are, for transforms, which know no shapes that
    depend on numbers."""
    return hidden, targets, counted, weights


def pick(
    hidden: Tensor, targets: Tensor, counted: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Those rows alone that count."""
    return hidden[counted], targets[counted], counted[counted], None if weights is None else weights[counted]


def soft_capped(logits: Tensor, cap: float | None) -> Tensor:
    """cap · tanh(logits / cap), which none exceeds (Gemma Team 2024, section 2); −∞, which no cap knows, stays."""
    if cap is None:
        return logits
    return (cap * (logits / cap).tanh()).masked_fill(logits == -torch.inf, -torch.inf)


def logits_of(hidden: Tensor, weight: Tensor, bias: Tensor | None, counted: Tensor, cap: float | None = None) -> Tensor:
    """(N, V) in at least fp32; zeros where nothing is asked, whatever would stand there."""
    logits = F.linear(hidden, weight, bias)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).where(counted[:, None], 0.0)
    return soft_capped(logits, cap)


def log_reference(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    cap: float | None = None,
) -> Tensor:
    """log softmax(hidden·weightᵀ + bias) at the targets, (N,), 0 where nothing counts; in chunks of bounded memory.

    Its arguments are those of `cross_entropy`.
    """
    logits = logits_of(hidden, weight, bias, counted, cap)
    return logits.log_softmax(-1).gather(1, targets.where(counted, 0)[:, None])[:, 0] * counted


def reference(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    smoothing: float,
    weights: Tensor | None,
    cap: float | None = None,
) -> Tensor:
    """Cross-entropy summed over all rows, each times its weight (N,), in nats.

    With smoothing ε the target gets 1 − ε, and ε is spread over all tokens.
    """
    logits = logits_of(hidden, weight, bias, counted, cap)
    losses = F.cross_entropy(logits, targets.where(counted, 0), reduction="none", label_smoothing=smoothing) * counted
    return losses.sum() if weights is None else (losses * weights.where(counted, 0.0)).sum()


def chunked(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    smoothing: float,
    weights: Tensor | None,
    cap: float | None = None,
) -> Tensor:
    """The same in chunks of rows, gradients and all."""
    differentiable = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (hidden, weight, bias, weights)
    )
    arguments = hidden, weight, bias, targets, counted, smoothing, weights, cap, precision_of(hidden)
    if not differentiable:
        return _CrossEntropy.forward(*arguments, False)[0]
    return _CrossEntropy.apply(*arguments, True)[0]


def log_chunked(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    counted: Tensor,
    cap: float | None = None,
) -> Tensor:
    """The same as `log_reference` in chunks of rows, whose logits are worked out once more on the way back."""
    return _LogProbabilities.apply(hidden, weight, bias, targets, counted, cap, precision_of(hidden))


def precision_of(hidden: Tensor) -> torch.dtype:
    """Precision of the products: autocast's, where it is at work."""
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


class Chunks:
    """Pieces of rows, and their logits in at least fp32, as a loop that sums gradients goes through them."""

    def __init__(
        self, hidden: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, cap: float | None = None
    ):
        self.inputs, self.matrix, self.cap = hidden.to(dtype), weight.to(dtype), cap
        self.bias = None if bias is None else bias.to(dtype)
        self.exact = torch.promote_types(dtype, torch.float32)
        rows = max(LEAST_ROWS, CHUNK.get(hidden.device.type, CHUNK_ELSEWHERE) // weight.shape[0])
        # Once even without rows, so that every process has a gradient to add up.
        self.pieces = [slice(start, start + rows) for start in range(0, max(1, hidden.shape[0]), rows)]

    def scores(self, piece: slice) -> Tensor:
        """(rows, V) logits."""
        return soft_capped(multiply(self.inputs[piece], self.matrix, self.bias).to(self.exact), self.cap)

    def before_cap(self, grad: Tensor, scores: Tensor) -> Tensor:
        """The gradient by what was capped, from that by the scores that it became; in place."""
        if self.cap is None:
            return grad
        slope = (1 - (scores / self.cap).square()).masked_fill_(scores == -torch.inf, 0.0)
        return grad.mul_(slope)


class _CrossEntropy(torch.autograd.Function):
    """Works out its gradients on the way forward, chunk by chunk, while the chunk's logits are still in the cache.

    A sum's gradient does not depend on what comes after it but for one factor, so nothing need be kept or done twice.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        counted: Tensor,
        smoothing: float,
        weights: Tensor | None,
        cap: float | None,
        dtype: torch.dtype,
        differentiable: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        chunks, sums = Chunks(hidden, weight, bias, dtype, cap), Sums(weight, bias)
        total = hidden.new_zeros((), dtype=chunks.exact)
        factors = None if weights is None else weights.to(chunks.exact).masked_fill(~counted, 0.0)
        losses = []
        with torch.autocast(hidden.device.type, enabled=False):
            for piece in chunks.pieces:
                scores, factor = chunks.scores(piece), None if factors is None else factors[piece]
                if not differentiable:
                    total += _loss(scores, targets[piece], counted[piece], smoothing, factor)
                    continue
                loss, grad = losses_and_gradient(scores, targets[piece], counted[piece], smoothing)
                if factor is not None:
                    losses.append(loss[:, 0])
                    grad *= factor[:, None]
                    loss = loss * factor[:, None]
                total += loss.sum()
                sums.add(chunks.before_cap(grad, scores).to(dtype), chunks.matrix, chunks.inputs[piece])
        if not differentiable:
            return total, None, None, None, None
        by_weights = None if weights is None else torch.cat(losses).to(weights.dtype)
        return total, sums.by_hidden(hidden), sums.by_weight, sums.by_bias, by_weights

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor | None, ...]) -> None:
        keep(ctx, *output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *grads, by_weights = [None if grad is None else grad * factor for grad in ctx.saved_tensors]
        return (*grads, None, None, None, by_weights, None, None, None)


def _loss(scores: Tensor, targets: Tensor, counted: Tensor, smoothing: float, factors: Tensor | None) -> Tensor:
    """Summed loss of a chunk, without a gradient."""
    targets = targets.masked_fill(~counted, -100)
    how = "sum" if factors is None else "none"
    loss = F.cross_entropy(scores, targets, ignore_index=-100, reduction=how, label_smoothing=smoothing)
    return loss if factors is None else (loss * factors).sum()


def losses_and_gradient(scores: Tensor, targets: Tensor, counted: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Loss (rows, 1) of each row of a chunk, and the gradient of their sum by its scores."""
    place = targets.where(counted, 0)[:, None]
    # One softmax serves both: its greatest share, which is 1/V at least, tells by what the scores were divided. And it
    # is not exp(log-probabilities), which is ten times slower on a CPU where many of them underflow.
    grad = F.softmax(scores, -1)
    divisor = scores.amax(-1, keepdim=True) - grad.amax(-1, keepdim=True).log_()
    loss = divisor - (1 - smoothing) * scores.gather(1, place)
    if smoothing:
        loss -= smoothing * scores.mean(-1, keepdim=True)
    loss = loss.masked_fill_(~counted[:, None], 0.0)
    grad.scatter_add_(1, place, grad.new_full((1, 1), smoothing - 1).expand_as(place))
    if smoothing:
        grad -= smoothing / scores.shape[1]
    grad *= counted[:, None]
    return loss, grad


class _LogProbabilities(torch.autograd.Function):
    """Works its logits out again on the way back, since what comes upstream of each position is not known before."""

    @staticmethod
    def forward(  # type: ignore[override]
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        counted: Tensor,
        cap: float | None,
        dtype: torch.dtype,
    ) -> Tensor:
        chunks = Chunks(hidden, weight, bias, dtype, cap)
        targets = targets.masked_fill(~counted, -100)
        with torch.autocast(hidden.device.type, enabled=False):
            losses = [
                F.cross_entropy(chunks.scores(piece), targets[piece], ignore_index=-100, reduction="none")
                for piece in chunks.pieces
            ]
        return torch.cat(losses).neg_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.cap, ctx.dtype = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        hidden, weight, bias, targets, counted = ctx.saved_tensors
        chunks, sums = Chunks(hidden, weight, bias, ctx.dtype, ctx.cap), Sums(weight, bias)
        with torch.autocast(hidden.device.type, enabled=False):
            for piece in chunks.pieces:
                scores = chunks.scores(piece)
                _, grad = losses_and_gradient(scores, targets[piece], counted[piece], 0.0)
                grad *= upstream[piece, None].neg()
                sums.add(chunks.before_cap(grad, scores).to(ctx.dtype), chunks.matrix, chunks.inputs[piece])
        return sums.by_hidden(hidden), sums.by_weight, sums.by_bias, None, None, None, None


class Sums:
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
        if self.weight.requires_grad:  # which is a third of the work where the vocabulary is large
            self.by_weight = _add(self.by_weight, multiply_transposed(grad, inputs), self.weight)
        if self.bias is not None and self.bias.requires_grad:
            self.by_bias = _add(self.by_bias, grad.sum(0), self.bias)

    def by_hidden(self, hidden: Tensor) -> Tensor:
        """The gradient by all hidden vectors."""
        whole = self.pieces[0] if len(self.pieces) == 1 else torch.cat(self.pieces)
        return whole.to(hidden.dtype)


def _add(total: Tensor | None, part: Tensor, like: Tensor) -> Tensor:
    return part.to(like.dtype) if total is None else total.add_(part)
