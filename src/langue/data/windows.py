"""Rows that are windows of one long line of tokens."""

from __future__ import annotations

import numpy as np

from langue.data.order import epoch_order
from langue.data.part import StorePart
from langue.data.store import TokenStore
from langue.data.stream import ArrayRows, Lookahead, RowStream
from langue.errors import LangueError
from langue.randomness import mix


class Windows(RowStream):
    """Windows of context + 1 tokens of a token store, each epoch in an order of its own.

    In epoch e, window i begins at token i · context + offset; order and offset are keyed by (seed, e). The last token
    of a window is the first of the next, so that an epoch asks for each token once.

    Args:
        store: the tokens.
        context: positions of a row.
        seed: of order and offset.
        document_mask: give each token its document's number as well.

    Raises:
        LangueError: there are fewer than context + 1 tokens.
    """

    def __init__(self, store: TokenStore | StorePart, context: int, seed: int, *, document_mask: bool = False):
        if store.tokens <= context:
            raise LangueError(
                f"{store.folder} has {store.tokens:,} tokens, too few for a context of {context}; "
                f"take more text or a smaller model.context"
            )
        self.store, self.context, self.seed, self.document_mask = store, context, seed, document_mask
        # The offset is below the context and below what the last window leaves free.
        self.slack = min(context, store.tokens - context)
        self.windows = (store.tokens - self.slack) // context
        self._locate = Lookahead(self.starts, self.windows)

    @property
    def size(self) -> int:
        """Windows of one pass."""
        return self.windows

    def take(self, rows: np.ndarray) -> ArrayRows:
        """`ids` (context + 1,) int64 of each row, and `documents` likewise with a mask."""
        starts = self._locate(rows)
        ids = np.empty((len(rows), self.context + 1), np.int64)
        for row, start in zip(ids, starts.tolist(), strict=True):
            self.store.read_into(start, row)
        if not self.document_mask:
            return ArrayRows({"ids": ids})
        places = starts[:, None] + np.arange(self.context + 1)
        return ArrayRows({"ids": ids, "documents": np.searchsorted(self.store.document_ends, places, side="right")})

    def starts(self, rows: np.ndarray) -> np.ndarray:
        """The first token of each row."""
        epochs, windows = epoch_order(rows, self.windows, self.seed)
        numbers, which = np.unique(epochs, return_inverse=True)
        offsets = np.array([mix(self.seed, int(epoch), "offset") % self.slack for epoch in numbers], np.int64)
        return windows * self.context + offsets[which]
