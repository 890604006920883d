"""Logits processors: what is done before a token is chosen. Each takes and gives (rows, V); −inf rules a token out.

Texts are (rows, L) tokens, `NOTHING` in front of those that are shorter than the longest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from langue.engine.settings import SamplingSettings

RULED_OUT = float("-inf")

NOTHING = -1
"""Stands where a text has no token yet."""


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


def repetition_penalty(logits: Tensor, texts: Tensor, penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of what a row holds already (Keskar et al. 2019, section 4.1)."""
    # Where there is nothing, the last token once more: all writes to one place write the same.
    seen = torch.where(texts == NOTHING, texts[:, -1:], texts)
    scores = logits.gather(1, seen)
    return logits.scatter(1, seen, torch.where(scores > 0, scores / penalty, scores * penalty))


def no_repeat_ngram(logits: Tensor, texts: Tensor, size: int) -> Tensor:
    """Rule out tokens that would end `size` tokens in a row which the row holds already (Paulus et al. 2018, 2.5)."""
    if texts.shape[1] < size:
        return logits
    windows = texts.unfold(1, size, 1)
    last = texts[:, texts.shape[1] - size + 1 :]
    # A text of fewer tokens than the last piece would need matches nothing, though it has as much nothing in front.
    again = (windows[:, :, :-1] == last[:, None]).all(-1) & (windows != NOTHING).all(-1)
    rows, places = again.nonzero(as_tuple=True)
    out = torch.zeros_like(logits, dtype=torch.bool)
    out[rows, windows[rows, places, -1]] = True
    return logits.masked_fill(out, RULED_OUT)


def forced(logits: Tensor, tokens: Tensor) -> Tensor:
    """Leave a row nothing but its token of `tokens` (rows,); `NOTHING` leaves it free."""
    numbers = torch.arange(logits.shape[1], device=logits.device)
    return logits.masked_fill((numbers != tokens[:, None]) & (tokens != NOTHING)[:, None], RULED_OUT)


def processed(logits: Tensor, texts: Tensor, settings: SamplingSettings) -> Tensor:
    """Apply all processors that the settings ask for, in the order in which Transformers applies them.

    Args:
        logits: (rows, V).
        texts: (rows, L) tokens of each row so far, its prompt included.
        settings: which processors; those that make a draw sharper are left out where nothing is drawn.
    """
    if settings.repetition_penalty != 1.0:
        logits = repetition_penalty(logits, texts, settings.repetition_penalty)
    if settings.no_repeat_ngram is not None:
        logits = no_repeat_ngram(logits, texts, settings.no_repeat_ngram)
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
