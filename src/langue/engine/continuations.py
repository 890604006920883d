"""Continuations that a beam follows: the likeliest, or those of groups that avoid each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Continuations:
    """Ways to go on, on the CPU. P prompts, W hypotheses each, C tokens for each hypothesis.

    Attributes:
        tokens: (P, W, C), best first.
        logs: (P, W, C) their log-probabilities, −inf where a token may not be chosen.
        totals: (P, W, C) those of the whole texts, in float64.
    """

    tokens: Tensor
    logs: Tensor
    totals: Tensor


def best_tokens(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(rows, count) the greatest of logits (rows, V), greatest first, and which they are: `topk` in half its time.

    On a CPU topk looks at numbers one by one. So V is folded into columns first, of each of which the maximum is top
    many at a time: the greatest `count` numbers lie in the columns of the greatest `count` maxima.
    """
    rows, size = logits.shape
    # The fewer columns, the more numbers stand in the best of them: of both about as many are looked at one by one.
    width = 2 ** round(math.log2(max(1, size * count / 2)) / 2)
    height = size // width
    if logits.device.type != "cpu" or height < 4 * count or count > width // 4:
        top = logits.topk(min(count, size))
        return top.values, top.indices
    folded = logits[:, : height * width].unflatten(1, (height, width))
    columns = folded.amax(1).topk(count).indices[:, None]
    values = folded.gather(2, columns.expand(-1, height, -1)).flatten(1)
    numbers = (columns + width * torch.arange(height)[:, None]).flatten(1)
    rest = torch.arange(height * width, size).expand(rows, -1)
    best = torch.cat([values, logits[:, height * width :]], 1).topk(count)
    return best.values, torch.cat([numbers, rest], 1).gather(1, best.indices)


@dataclass(frozen=True)
class Chosen:
    """Some continuations, N for each prompt.

    Attributes:
        parents: (P, N) the hypothesis that goes on.
        tokens: (P, N) with what.
        logs: (P, N) the token's log-probability.
        totals: (P, N) the whole text's, −inf for a place that nothing was found for.
    """

    parents: Tensor
    tokens: Tensor
    logs: Tensor
    totals: Tensor

    def places(self, index: Tensor) -> Chosen:
        """Some of them for each prompt, (P, M) numbers."""
        return Chosen(*(part.gather(1, index) for part in (self.parents, self.tokens, self.logs, self.totals)))

    def without(self, mask: Tensor) -> Chosen:
        """The same with −inf in `totals` where a mask (P, N) is True."""
        return replace(self, totals=self.totals.masked_fill(mask, float("-inf")))


@dataclass(frozen=True)
class Step:
    """The next step of a beam.

    Attributes:
        live: (P, W) what it follows; each group's in succession.
        ended: (P, N) what ends here, −inf in `totals` for the others.
        last: (P, N) what would end here because no room is left: the best that there is, whatever its token.
    """

    live: Chosen
    ended: Chosen
    last: Chosen


def is_one_of(tokens: Tensor, numbers: Sequence[int]) -> Tensor:
    """Mask of the tokens that are one of few numbers, of which there is mostly one."""
    is_one = torch.zeros_like(tokens, dtype=torch.bool)
    for number in numbers:
        is_one |= tokens == number
    return is_one


def likeliest(continuations: Continuations, width: int, ends: Sequence[int], order: Tensor | None = None) -> Step:
    """The best `width` continuations that do not end, and what of the best `width` of all ends.

    So a text ends only where ending is one of the likeliest things to do, as in fairseq, CTranslate2 and Transformers.

    Args:
        continuations: the continuations.
        width: how many are followed.
        ends: the tokens that end a text.
        order: (P, W, C) what to judge by in place of `continuations.totals`.
    """
    prompts, rows, count = continuations.tokens.shape
    judged = (continuations.totals if order is None else order).flatten(1)
    # As many again as can end: of each hypothesis one for each token that ends a text.
    best = judged.topk(min(width + min(width, rows) * len(ends), judged.shape[1]))
    missing = max(0, width - best.values.shape[1])
    indices = pad(best.indices, (0, missing))
    values = pad(best.values, (0, missing), value=float("-inf"))
    parts = (continuations.tokens, continuations.logs, continuations.totals)
    every = Chosen(indices // count, *(part.flatten(1).gather(1, indices) for part in parts)).without(values.isinf())
    ending = is_one_of(every.tokens, ends)
    live = torch.sort(ending | every.totals.isinf(), dim=1, stable=True).indices[:, :width]
    top = every.places(torch.arange(width).expand(prompts, -1))
    return Step(every.places(live).without(ending.gather(1, live)), top.without(~ending[:, :width]), top)


def diverse(continuations: Continuations, width: int, groups: int, diversity: float, ends: Sequence[int]) -> Step:
    """Groups choose one after the other, and a token loses `diversity` for each time that an earlier group chose it.

    Vijayakumar et al. 2016 (section 3, Hamming diversity). What a text is worth stays its log-probability: the loss
    decides which continuations are followed, not what they score.
    """
    size = width // groups
    steps: list[Step] = []
    for group in range(groups):
        # At the first step all groups start from the one beginning.
        first = group * size if continuations.tokens.shape[1] > 1 else 0
        rows = slice(first, first + size)
        own = Continuations(continuations.tokens[:, rows], continuations.logs[:, rows], continuations.totals[:, rows])
        order = own.totals
        if steps:
            taken = torch.cat([step.live.tokens.masked_fill(step.live.totals.isinf(), -1) for step in steps], 1)
            times = (own.tokens[..., None] == taken[:, None, None]).sum(-1)
            order = order - diversity * times
        step = likeliest(own, size, ends, order)
        parts = (step.live, step.ended, step.last)
        steps.append(Step(*(replace(part, parents=part.parents + first) for part in parts)))
    return Step(*(_joined(parts) for parts in zip(*((s.live, s.ended, s.last) for s in steps), strict=True)))


def _joined(parts: tuple[Chosen, ...]) -> Chosen:
    return Chosen(*(torch.cat([getattr(part, name) for part in parts], 1) for name in Chosen.__annotations__))
