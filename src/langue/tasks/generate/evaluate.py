"""The loss of a language model on a text: each token once, with as much before it as a stride leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

from langue.batch import IGNORE, Batch
from langue.console import progress
from langue.data import TokenStore
from langue.data.part import StorePart
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.objectives import linear_cross_entropy
from langue.objectives.causal import without_opening
from langue.tasks.losses import with_perplexity
from langue.text import Tokenizer

TOKENS = {"cpu": 2048}
TOKENS_ELSEWHERE = 16_384
"""Tokens of one forward pass: on a CPU as many as stay near its caches, which takes half of the time."""


def evaluate_text(
    model: Model, tokenizer: Tokenizer, store: TokenStore | StorePart, *, stride: int | None = None, quiet: bool = False
) -> dict[str, float]:
    """Loss, perplexity, bits per byte and bits per character over all tokens of a store.

    A window of the model's context slides by `stride` tokens, and only those that are new in it are counted, so that
    each has at least context − stride tokens before it. The first stands after the token that ends a document, or after
    those that the tokenizer opens every text with, which are never counted.

    Args:
        model: a decoder.
        tokenizer: the one that made the store.
        store: the text.
        stride: from 1 to the context, which it is by default: the fastest, with the least before each token.
        quiet: show no progress.

    Raises:
        LangueError: store and tokenizer do not belong together, or the stride is out of bounds.
    """
    if store.fingerprint != tokenizer.fingerprint:
        raise LangueError(f"{store.folder} was made by another tokenizer than the model's; prepare it again")
    context = model.config.context
    stride = context if stride is None else stride
    if not 1 <= stride <= context:
        raise LangueError(f"a stride must be from 1 to the context of {context}, not {stride}")
    total, count, device = 0.0, 0.0, model.device
    with evaluating(model), torch.inference_mode(), _advance(store, quiet) as advance:
        for batch in _windows(store, tokenizer.end, context, stride, TOKENS.get(device.type, TOKENS_ELSEWHERE)):
            batch = batch.to(device)
            assert batch.targets is not None
            loss = linear_cross_entropy(model.hidden(batch), model.head, batch.targets)
            total, count = total + float(loss.total), count + float(loss.count)
            advance(float(loss.count))
    return measures(total, count, store)


def _advance(store: TokenStore | StorePart, quiet: bool) -> AbstractContextManager[Callable[[float], object]]:
    return nullcontext(lambda amount: None) if quiet else progress("evaluating", store.tokens, "tokens")


def measures(total: float, count: float, store: TokenStore | StorePart) -> dict[str, float]:
    """The metrics of a text whose losses of `count` tokens add up to `total` nats."""
    return {
        **with_perplexity(total / count),
        "bits_per_byte": total / math.log(2) / max(1, store.text_bytes),
        "bits_per_character": total / math.log(2) / max(1, store.text_characters),
    }


def _windows(store: TokenStore | StorePart, end: int, context: int, stride: int, tokens: int) -> Iterator[Batch]:
    """Batches in which every token of the store is a target exactly once, but for those that open a document."""
    rows: list[tuple[int, int]] = []  # first token that is a target in the row, and one past the last
    # A store that begins with such a token needs nothing before it.
    begin = done = int(store.opening[:1] == tuple(store.read(0, 1)))
    while done < store.tokens:
        last = min(done + (stride if rows else context), store.tokens)
        rows.append((done, last))
        done = last
    together = max(1, tokens // context)
    full = min(context, store.tokens - begin)
    for place in range(0, len(rows), together):
        yield _batch(store, end, rows[place : place + together], full)


def _batch(store: TokenStore | StorePart, end: int, rows: list[tuple[int, int]], length: int) -> Batch:
    ids = torch.empty(len(rows), length + 1, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORE)
    for number, (first, last) in enumerate(rows):
        start = max(0, last - length)  # the row's targets, old and new, are tokens start … start + length − 1
        ids[number, 0] = end if start == 0 else int(store.read(start - 1, 1)[0])
        ids[number, 1:] = torch.from_numpy(store.read(start, length))
        targets[number, first - start :] = ids[number, 1 + first - start :]
        targets[number, last - start :] = IGNORE
    return Batch(ids[:, :-1], without_opening(targets, store.opening))
