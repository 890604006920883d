"""Filters: what is done to logits before a token is chosen. Each takes and gives (rows, V); −inf rules a token out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from langue.decode.settings import SearchSettings

Filter = Callable[[Tensor], Tensor]

RULED_OUT = float("-inf")


def temperature(logits: Tensor, value: float) -> Tensor:
    """Divide logits; below 1 sharpens, above 1 flattens (Ackley, Hinton & Sejnowski 1985)."""
    return logits / value


def top_k(logits: Tensor, count: int) -> Tensor:
    """Keep the `count` likeliest tokens (Fan, Lewis & Dauphin 2018, section 5.4)."""
    least = logits.topk(min(count, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < least, RULED_OUT)


def top_p(logits: Tensor, share: float) -> Tensor:
    """Keep the fewest likeliest tokens that hold this share of probability (Holtzman et al. 2020, section 3.1)."""
    ordered, places = logits.sort(descending=True)
    probabilities = ordered.softmax(-1)
    # A token falls out when those before it hold the share already; the likeliest never does.
    out = probabilities.cumsum(-1) - probabilities >= share
    out[:, 0] = False
    return logits.masked_fill(out.scatter(1, places, out), RULED_OUT)


def min_p(logits: Tensor, share: float) -> Tensor:
    """Keep tokens at least this share as likely as the likeliest (Nguyen et al. 2024, section 3)."""
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < share * probabilities.amax(-1, keepdim=True), RULED_OUT)


def repetition_penalty(logits: Tensor, texts: Sequence[Sequence[int]], penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of what a row holds already (Keskar et al. 2019, section 4.1)."""
    logits = logits.clone()
    for row, text in enumerate(texts):
        seen = torch.tensor(sorted(set(text)), dtype=torch.long, device=logits.device)
        scores = logits[row, seen]
        logits[row, seen] = torch.where(scores > 0, scores / penalty, scores * penalty)
    return logits


def filtered(logits: Tensor, texts: Sequence[Sequence[int]], settings: SearchSettings, never: Tensor | None) -> Tensor:
    """Apply all filters that the settings ask for, in the order in which Transformers applies them.

    Args:
        logits: (rows, V).
        texts: the tokens of each row so far, its prompt included.
        settings: which filters.
        never: numbers of tokens that may not be chosen.
    """
    logits = logits.float()
    if never is not None:
        logits = logits.index_fill(1, never, RULED_OUT)
    if settings.repetition_penalty != 1.0:
        logits = repetition_penalty(logits, texts, settings.repetition_penalty)
    if settings.temperature == 0 or settings.beams > 1:
        return logits
    if settings.temperature != 1.0:
        logits = temperature(logits, settings.temperature)
    if settings.top_k is not None:
        logits = top_k(logits, settings.top_k)
    if settings.top_p is not None:
        logits = top_p(logits, settings.top_p)
    if settings.min_p is not None:
        logits = min_p(logits, settings.min_p)
    return logits
