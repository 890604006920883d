"""The functions of models that write no tokens one by one, as lanes call them: a list in, a list out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from langue.batch import Batch
from langue.models import Model

Breathe = Callable[[], None]
"""Called now and then by what takes long, for others to get on meanwhile; raises if nobody waits for it any more."""

Call = Callable[..., Sequence[Any]]
"""A function of a list of inputs and of `Breathe`, whose options follow by name, to a list of results."""

POSITIONS = 256
"""Positions whose logits are held at once."""


def verbs_of(task: Any) -> Mapping[str, Call]:
    """The functions of a task by name."""
    attend = {"attend": lambda texts, breathe, **options: [task.attention(text, **options) for text in texts]}
    return {
        "generate": lambda: {
            "score": lambda rows, breathe, **options: score(task.model, rows, breathe, **options),
            "attend": lambda texts, breathe: [_attend(task, text) for text in texts],
        },
        "translate": lambda: attend,
        "summarize": lambda: attend,
        "embed": lambda: {"embed": lambda texts, breathe, **options: list(task.embed(texts, **options))},
        "classify": lambda: {"judge": lambda pairs, breathe: _judge(task, pairs)},
        "transcribe": lambda: {"hear": lambda sounds, breathe, **options: _hear(task, sounds, breathe, **options)},
    }.get(task.name, dict)()


def _judge(task: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
    from langue.search.rerank import judge_pairs

    return list(map(float, judge_pairs(task, pairs)))


def _attend(task: Any, text: str) -> tuple[list[str], list[str], list[Tensor]]:
    """The attention of a decoder in the form of `Rewrite.attention`: a text that looks at itself."""
    tokens, maps = task.attention(text)
    return tokens, tokens, maps


def _hear(task: Any, sounds: Sequence[np.ndarray], breathe: Breathe, **options: Any) -> list[Any]:
    return task.hear(sounds, advance=lambda seconds: breathe(), **options)


class TokenChances(NamedTuple):
    """A token and the likeliest ones at its place, with their log-probabilities; None and none of a text's first token,
    which nothing comes before."""

    token: int
    log_probability: float | None
    top: list[tuple[int, float]]


def chances_of(logs: Tensor, token: int, top: int) -> TokenChances:
    """The chances of a token, of log-probabilities (V,)."""
    best = logs.topk(min(top, len(logs)))
    pairs = [pair for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True) if math.isfinite(pair[1])]
    return TokenChances(token, float(logs[token]), pairs)


@torch.inference_mode()
def score(model: Model, rows: Sequence[Sequence[int]], breathe: Breathe, *, top: int) -> list[list[TokenChances]]:
    """The chances of each token of texts behind those before it."""
    results: list[list[TokenChances]] = []
    for row in rows:
        ids = torch.tensor([row], device=model.device)
        hidden = model.hidden(Batch(ids))[0]
        chances = [TokenChances(row[0], None, [])]
        for start in range(0, len(row) - 1, POSITIONS):
            logs = model.head(hidden[start : start + POSITIONS]).float().log_softmax(-1).cpu()
            following = row[start + 1 : start + 1 + POSITIONS]
            chances += [chances_of(own, token, top) for own, token in zip(logs, following, strict=False)]
        results.append(chances)
        breathe()
    return results
