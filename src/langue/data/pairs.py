"""Rows of two stretches of text, with a question about how they belong together."""

from __future__ import annotations

from typing import Literal

import numpy as np

from langue.data.part import StorePart
from langue.data.store import TokenStore
from langue.data.stream import ArrayRows, RowStream
from langue.data.windows import Windows
from langue.randomness import numpy_generator


class Pairs(RowStream):
    """Windows of a token store, each cut in two; half of them are then spoilt.

    `next` puts another place's tokens after the cut (Devlin et al. 2019, section 3.1), `order` swaps the two (Lan et
    al. 2020, "ALBERT", section 3.1). Cut, spoiling and place are keyed by the row's number.

    Args:
        store: the tokens.
        tokens: of both stretches together.
        seed: of everything.
        kind: of the question.
    """

    def __init__(self, store: TokenStore | StorePart, tokens: int, seed: int, kind: Literal["next", "order"]):
        self.windows = Windows(store, tokens, seed)
        self.store, self.tokens, self.seed, self.kind = store, tokens, seed, kind

    @property
    def size(self) -> int:
        """Rows of one pass."""
        return self.windows.size

    def take(self, rows: np.ndarray) -> ArrayRows:
        """`ids` (tokens,) of each row, `cut`, where the second stretch begins, and `related`: 1 unless spoilt."""
        ids = self.windows.take(rows).arrays["ids"][:, :-1].copy()
        cuts = np.empty(len(rows), np.int64)
        related = np.ones(len(rows), np.int64)
        for number, row in enumerate(rows.tolist()):
            draws = numpy_generator(self.seed, "pairs", row)
            cut = int(draws.integers(max(1, self.tokens // 4), self.tokens - self.tokens // 4))
            if draws.random() < 0.5:
                related[number] = 0
                cut = self._spoil(ids[number], cut, draws)
            cuts[number] = cut
        return ArrayRows({"ids": ids, "cut": cuts, "related": related})

    def _spoil(self, ids: np.ndarray, cut: int, draws: np.random.Generator) -> int:
        """Put something else in the second place; returns where it begins now."""
        if self.kind == "order":
            ids[:] = np.concatenate([ids[cut:], ids[:cut]])
            return self.tokens - cut
        start = int(draws.integers(self.store.tokens - self.tokens + 1))
        self.store.read_into(start, ids[cut:])
        return cut
