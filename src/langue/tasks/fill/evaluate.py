"""Metrics of an encoder that says which tokens were hidden: the same ones whoever asks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from langue.batch import IGNORE
from langue.data import TokenStore
from langue.data.part import StorePart
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.objectives import linear_cross_entropy
from langue.randomness import RowRandomness
from langue.tasks.fill.objective import Masked
from langue.tasks.fill.settings import MaskingSettings
from langue.tasks.losses import with_perplexity
from langue.text import Tokenizer

TOKENS = 8192
"""Tokens of one forward pass."""

ROWS = 512
"""Tokens that are guessed at once."""

SEED = 0
"""Seed of the masks, whatever the training's, so that every model and every evaluation is asked the same."""


@torch.inference_mode()
def evaluate_masked(
    model: Model, tokenizer: Tokenizer, store: TokenStore | StorePart, settings: MaskingSettings
) -> dict[str, float]:
    """Loss in nats, perplexity and accuracy over hidden tokens, and how many were `guessed`.

    The text is cut into rows of the model's context, the last one shorter, and the share of the settings is hidden of
    each by the settings' rules.

    Raises:
        LangueError: store and tokenizer do not belong together, the store is empty, or there is no token that hides.
    """
    if store.fingerprint != tokenizer.fingerprint:
        raise LangueError(f"{store.folder} was made by another tokenizer than the model's; prepare it again")
    if tokenizer.mask is None:
        raise LangueError("the tokenizer has no token that hides others, such as <|mask|>")
    if not store.tokens:
        raise LangueError(f"{store.folder} holds no text")
    objective = Masked(tokenizer, settings.replace(pairs="none"))
    room = model.config.context - len(tokenizer.pair([])[0])
    together = max(1, TOKENS // model.config.context)
    total, right, count = 0.0, 0, 0
    starts = list(range(0, store.tokens, room))
    whole, rest = [start for start in starts if start + room <= store.tokens], starts[store.tokens // room :]
    groups = [whole[place : place + together] for place in range(0, len(whole), together)] + ([rest] if rest else [])
    with evaluating(model):
        for group in groups:
            # One token more, of which the objective makes nothing.
            rows = [np.append(store.read(start, min(room, store.tokens - start)), 0) for start in group]
            draws = RowRandomness(SEED, group[0] // room)
            batch = objective.batch([{"ids": row} for row in rows], draws).to(model.device)
            assert batch.targets is not None
            is_target = batch.targets != IGNORE
            hidden, targets = model.hidden(batch)[is_target], batch.targets[is_target]
            total += float(linear_cross_entropy(hidden, model.head, targets).total)
            right += _right(model, hidden, targets)
            count += len(targets)
    return {**with_perplexity(total / max(1, count)), "accuracy": right / max(1, count), "guessed": count}


def _right(model: Model, hidden: Tensor, targets: Tensor) -> int:
    """The tokens guessed right, a few at once, since each takes a number for every token of the vocabulary."""
    pieces = zip(hidden.split(ROWS), targets.split(ROWS), strict=True)
    return sum(int((model.head(piece).argmax(-1) == right).sum()) for piece, right in pieces)
