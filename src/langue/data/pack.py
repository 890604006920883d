"""Rows of whole documents: as many as fit, so that none is torn but those longer than a row."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from langue.data.order import epoch_order
from langue.data.part import StorePart
from langue.data.store import TokenStore
from langue.data.stream import ArrayRows, Lookahead, RowStream
from langue.errors import LangueError


class Packed(RowStream):
    """Rows of context + 1 tokens, filled with whole documents by the best fit.

    Each document comes with what its first token is foretold from, as when a model writes from nothing: its opening
    tokens, or where there are none the end mark before it. One that is longer than a row is cut; the last token of a
    part is the first of the next. What stays free in a row holds token 0, each a document of its own, so that nothing
    is asked there and nothing sees it.

    Args:
        store: the tokens.
        context: positions of a row.
        seed: of the order of rows, which changes with each epoch.
        document_mask: number the documents of a row 0, 1, 2, …, so that none sees another; otherwise all are number 0.

    Raises:
        LangueError: no document has two tokens.
    """

    def __init__(self, store: TokenStore | StorePart, context: int, seed: int, *, document_mask: bool = True):
        self.store, self.context, self.seed, self.document_mask = store, context, seed, document_mask
        starts, lengths = _parts(store.document_ends, context, 0 if store.opening else 1)
        if not len(lengths):
            raise LangueError(f"{store.folder} has no document of two tokens or more, so there is nothing to foretell")
        row = best_fit(lengths, context + 1)
        order = np.argsort(row, kind="stable")
        self._starts, self._lengths = starts[order], lengths[order]
        self._first = np.concatenate([[0], np.cumsum(np.bincount(row))])
        self._locate = Lookahead(lambda rows: epoch_order(rows, self.size, seed)[1], self.size)

    @property
    def size(self) -> int:
        """Rows of one pass."""
        return len(self._first) - 1

    def take(self, rows: np.ndarray) -> ArrayRows:
        """`ids` and `documents` of each row, both (context + 1,) int64."""
        ids = np.zeros((len(rows), self.context + 1), np.int64)
        documents = np.zeros_like(ids)
        for number, place in enumerate(self._locate(rows).tolist()):
            self._fill(place, ids[number], documents[number])
        return ArrayRows({"ids": ids, "documents": documents})

    def _fill(self, place: int, ids: np.ndarray, documents: np.ndarray) -> None:
        at = number = 0
        for part in range(int(self._first[place]), int(self._first[place + 1])):
            length = int(self._lengths[part])
            self.store.read_into(int(self._starts[part]), ids[at : at + length])
            documents[at : at + length] = number
            at += length
            number += self.document_mask
        free = len(ids) - at
        documents[at:] = np.arange(number + 1, number + 1 + free)


def _parts(document_ends: np.ndarray, context: int, before: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and length of the stretches, each at most context + 1 long, that all documents are cut into.

    Args:
        document_ends: one past the last token of each.
        context: positions of a row.
        before: tokens before a document that belong to it: its end mark, which the first document lacks.
    """
    begins = np.concatenate([np.zeros(1, np.int64), document_ends[:-1] - before])[: len(document_ends)]
    spans = document_ends - begins
    counts = np.maximum(0, -(-(spans - 1) // context))
    document = np.repeat(np.arange(len(spans)), counts)
    ordinal = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = begins[document] + ordinal * context
    return starts, np.minimum(context + 1, spans[document] - ordinal * context)


def best_fit(lengths: np.ndarray, capacity: int) -> np.ndarray:
    """The row of each length: longest first, each into the fullest row that still has room for it.

    Best-fit decreasing (Johnson 1974, "Fast algorithms for bin packing"; for language models Ding et al. 2024, "Fewer
    truncations improve language modeling"). Rows with equal room are alike, so whole groups of equal lengths are dealt
    out at once, and the work grows with the number of different lengths rather than of documents.

    Args:
        lengths: (documents,), each from 1 to `capacity`.
        capacity: of a row.
    """
    row = np.empty(len(lengths), np.int64)
    order = np.argsort(-lengths, kind="stable")
    sizes, counts = np.unique(lengths, return_counts=True)
    room: dict[int, np.ndarray] = {}  # free places: the rows that have just so many
    frees: list[int] = []  # its keys, sorted
    opened = done = 0
    for size, count in zip(sizes[::-1].tolist(), counts[::-1].tolist(), strict=True):
        group = order[done : done + count]
        done += count
        while len(group):
            fit = bisect_left(frees, size)
            if fit < len(frees):
                free = frees.pop(fit)
                rows = room.pop(free)
            else:
                free = capacity
                rows = np.arange(opened, opened - (-len(group) // (capacity // size)))
                opened = int(rows[-1]) + 1
            share = min(len(rows), len(group))
            row[group[:share]] = rows[:share]
            for left, those in ((free, rows[share:]), (free - size, rows[:share])):
                if not len(those):
                    continue
                if left not in room:
                    insort(frees, left)
                room[left] = np.concatenate([room[left], those]) if left in room else those
            group = group[share:]
    return row
