"""The loader: any row of the endless training stream, at once, whoever asks and in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from langue.batch import Example
from langue.data.order import Permutation
from langue.data.store import TokenStore
from langue.errors import LangueError
from langue.randomness import mix


class Stream(Protocol):
    """An endless sequence of training examples that can be asked for any stretch of its rows."""

    def rows(self, first: int, count: int) -> list[Example]: ...


class Windows:
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

    def __init__(self, store: TokenStore, context: int, seed: int, *, document_mask: bool = False):
        if store.tokens <= context:
            raise LangueError(
                f"{store.folder} has {store.tokens:,} tokens, too few for a context of {context}; "
                f"take more text or a smaller model.context"
            )
        self.store, self.context, self.seed, self.document_mask = store, context, seed, document_mask
        # The offset is below the context and below what the last window leaves free.
        self.slack = min(context, store.tokens - context)
        self.windows = (store.tokens - self.slack) // context
        self._epoch: tuple[int, Permutation, int] | None = None

    def rows(self, first: int, count: int) -> list[Example]:
        """Rows first … first + count − 1 of the stream: `ids` (context + 1,) int64, and `documents` likewise."""
        starts = self.starts(np.arange(first, first + count))
        ids = np.empty((count, self.context + 1), np.int64)
        for row, start in enumerate(starts):
            self.store.read_into(int(start), ids[row])
        if not self.document_mask:
            return [{"ids": row} for row in ids]
        places = starts[:, None] + np.arange(self.context + 1)
        documents = np.searchsorted(self.store.document_ends, places, side="right")
        return [{"ids": row, "documents": numbers} for row, numbers in zip(ids, documents, strict=True)]

    def starts(self, rows: np.ndarray) -> np.ndarray:
        """The first token of each row of the stream."""
        epochs, places = np.divmod(rows, self.windows)
        starts = np.empty_like(rows)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            order, offset = self._order(epoch)
            starts[here] = order[places[here]] * self.context + offset
        return starts

    def _order(self, epoch: int) -> tuple[Permutation, int]:
        if self._epoch is None or self._epoch[0] != epoch:
            offset = mix(self.seed, epoch, "offset") % self.slack
            self._epoch = epoch, Permutation(self.windows, self.seed, epoch), offset
        return self._epoch[1], self._epoch[2]


@dataclass(frozen=True)
class MicroBatch:
    """The rows of one forward pass.

    Attributes:
        examples: the rows.
        first_row: the number of the first in the stream, from which every random draw for them follows.
    """

    examples: Sequence[Example]
    first_row: int


class Loader:
    """Deals the rows of a stream out to steps, accumulations and ranks.

    Step s takes rows s·N … (s + 1)·N − 1, where N = batch_size · accumulate; each rank takes a stretch of each
    micro-batch. What is seen does not depend on the number of ranks, only who sees it.

    Args:
        stream: where rows come from.
        batch_size: rows of one micro-batch, over all ranks.
        accumulate: micro-batches of one step.
        rank: which rank this is.
        world: how many ranks there are.
    """

    def __init__(self, stream: Stream, batch_size: int, accumulate: int = 1, rank: int = 0, world: int = 1):
        if batch_size % world:
            raise LangueError(f"a batch_size of {batch_size} cannot be shared out among {world} processes")
        self.stream, self.batch_size, self.accumulate = stream, batch_size, accumulate
        self.share = batch_size // world
        self.first = rank * self.share

    def __getitem__(self, step: int) -> list[MicroBatch]:
        """This rank's micro-batches of a step."""
        start = step * self.batch_size * self.accumulate + self.first
        firsts = [start + number * self.batch_size for number in range(self.accumulate)]
        return [MicroBatch(self.stream.rows(first, self.share), first) for first in firsts]
