"""Texts as a model that judges them gets them: encoded, cut to its context, framed, and in batches of one length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.account import note_length
from langue.batch import Batch
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.models.finite import refuse_not_finite
from langue.objectives.padding import by_length, padded
from langue.text import Tokenizer

Framed = tuple[list[int], list[int]]
"""Token numbers with their special ones, and the segment of each."""

BATCH_TOKENS = {"cpu": 1024, "cuda": 1 << 15}
"""Tokens of one forward pass. On one core an encoder of 6 layers, 384 wide, was fastest with 512 to 1,024; more leave
its caches."""


def batch_tokens(model: Model) -> int:
    """Tokens of one forward pass, padding included, that are fastest on the device of a model."""
    return BATCH_TOKENS.get(model.device.type, 1 << 14)


def framed_texts(
    tokenizer: Tokenizer, firsts: Sequence[str], seconds: Sequence[str | None] | None, context: int
) -> list[Framed]:
    """Single texts, or pairs where `seconds` has a text, framed and no longer than the context."""
    left = tokenizer.encode_batch(firsts)
    if seconds is None:
        return [frame(tokenizer, first, None, context) for first in left]
    right = iter(tokenizer.encode_batch([text for text in seconds if text is not None]))
    return [
        frame(tokenizer, first, None if text is None else next(right), context)
        for first, text in zip(left, seconds, strict=True)
    ]


def frame(tokenizer: Tokenizer, first: Sequence[int], second: Sequence[int] | None, context: int) -> Framed:
    """Tokens of one text or two, the longer one cut until both fit (BERT's "longest first").

    Raises:
        LangueError: the context has no room for any.
    """
    room = context - len(tokenizer.pair([], None if second is None else [])[0])
    if room < (1 if second is None else 2):
        raise LangueError(f"a context of {context} has no room for a text among its special tokens")
    note_length(len(first) + len(second or ()), room, f"the context of {context} tokens")
    if second is None:
        return tokenizer.pair(first[:room])
    # The shorter one keeps up to half of the room, the longer one the rest.
    shorter = min(len(first), len(second), room // 2)
    keep_first = shorter if len(first) <= len(second) else min(len(first), room - shorter)
    return tokenizer.pair(first[:keep_first], second[: room - keep_first])


def framed_batch(texts: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Batch:
    """Framed texts side by side."""
    return padded([np.array(ids) for ids, _ in texts], [np.array(segments) for _, segments in texts])


@torch.inference_mode()
def outputs_of(
    model: Model, texts: Sequence[tuple[Sequence[int], Sequence[int]]], forward: Callable[[Batch], Tensor]
) -> list[np.ndarray]:
    """The outputs of a model for each text, in their order, from batches of texts of like length.

    Args:
        model: whose outputs they are.
        texts: framed; of those shorter than others in their batch, outputs may be those of padding at the end.
        forward: (B, …) outputs of a batch.

    Raises:
        LangueError: one is no finite number.
    """
    outputs: list[Any] = [None] * len(texts)
    with evaluating(model):
        for numbers in by_length([len(ids) for ids, _ in texts], batch_tokens(model)):
            batch = framed_batch([texts[number] for number in numbers])
            rows = forward(batch.to(model.device)).cpu().numpy()
            refuse_not_finite(rows)
            for number, row in zip(numbers.tolist(), rows, strict=True):
                outputs[number] = row
    return outputs
