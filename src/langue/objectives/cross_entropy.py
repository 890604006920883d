"""The one cross-entropy: from hidden vectors to a summed loss or to log-probabilities, never through all logits."""

from __future__ import annotations

import torch
from torch import Tensor

from langue import kernels
from langue.batch import IGNORE, Loss
from langue.nn.embedding import Head
from langue.objectives.teacher import Lesson, measures


def linear_cross_entropy(
    hidden: Tensor,
    head: Head,
    targets: Tensor,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    *,
    sparse: bool = False,
    lesson: Lesson | None = None,
) -> Loss:
    """Cross-entropy between `head(hidden)` and targets, summed over the targets that are not `IGNORE`.

    Args:
        hidden: (…, width).
        head: the model's head, of V tokens.
        targets: (…) int64 below V, or IGNORE.
        smoothing: ε of label smoothing: the target gets 1 − ε, and ε is spread over all tokens (Szegedy et al. 2016,
            section 7).
        weights: (…) what the loss at each position is multiplied by, advantages for example; None for ones.
        sparse: most targets are IGNORE, so that the others are picked out first.
        lesson: what a teacher says of the same positions, whose divergence gets its share of the loss; positions weigh
            alike then.

    Returns:
        The loss in nats. Its count is that of the targets, whatever they weigh.
    """
    flat = targets.reshape(-1)
    counted = flat != IGNORE
    scale = None if weights is None else weights.reshape(-1)
    rows, count = hidden.flatten(0, -2), counted.sum()
    taught = None if lesson is None else lesson.hidden.flatten(0, -2)
    if sparse and taught is not None:
        taught = kernels.pick(taught, flat, counted, None)[0]
    if sparse:
        rows, flat, counted, scale = kernels.pick(rows, flat, counted, scale)
    rows = head.prepare(rows)
    if lesson is not None and taught is not None:
        with torch.no_grad():
            theirs = lesson.head.prepare(taught), lesson.head.output.matrix(), lesson.head.bias
        teaching = kernels.Teaching(*theirs, *lesson.softening, cap=lesson.head.cap)
        matrix, bias = head.output.matrix(), head.bias
        total, sums = kernels.distill(rows, matrix, bias, flat, counted, smoothing, teaching, head.cap)
        return Loss(total, count, measures(sums, count))
    matrix, bias = head.output.matrix(), head.bias
    return Loss(kernels.cross_entropy(rows, matrix, bias, flat, counted, smoothing, scale, head.cap), count)


def log_probabilities(
    hidden: Tensor, head: Head, targets: Tensor, temperature: float = 1.0, suppressed: Tensor | None = None
) -> Tensor:
    """Log-probability in nats of each target under `head(hidden)`, and 0 where it is `IGNORE`.

    The sum over a row's positions is the log-probability of the row.

    Args:
        hidden: (…, width).
        head: the model's head, of V tokens.
        targets: (…) int64 below V, or IGNORE.
        temperature: divides the logits.
        suppressed: numbers of tokens that have no probability.

    Returns:
        (…) as targets, in fp32 at least.
    """
    flat, weight, bias, cap = targets.reshape(-1), head.output.matrix(), head.bias, head.cap
    rows = head.prepare(hidden).flatten(0, -2)
    if temperature != 1.0:
        rows, bias = rows / temperature, None if bias is None else bias / temperature
        cap = None if cap is None else cap / temperature
    if suppressed is not None and len(suppressed):
        bias = torch.zeros_like(weight[:, 0]) if bias is None else bias
        bias = bias.index_fill(0, suppressed, -torch.inf)
    return kernels.log_probabilities(rows, weight, bias, flat, flat != IGNORE, cap).view(targets.shape)
