"""Rows of different lengths side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from langue.batch import Batch
from langue.parallel import calls_of_all

PIECE_TOKENS = {"cpu": 1 << 10, "cuda": 1 << 16}
"""Tokens of one piece of a batch. On one core a step of an encoder of 6 layers, 384 wide, took 2.8 s with 512 or 1,024
of them, 3.5 with 2,048, 5.5 with 4,096: more leave its caches."""


def padded(rows: Sequence[np.ndarray], segments: Sequence[np.ndarray] | None = None) -> Batch:
    """Token numbers of each row, and the segments of each, as a batch (B, longest); padding stands on the right."""
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    valid = np.arange(lengths.max()) < lengths[:, None]
    return Batch(
        ids=torch.from_numpy(_fill(rows, valid)),
        # None is faster, and many batches of sorted rows have no padding at all.
        valid=None if valid.all() else torch.from_numpy(valid),
        segments=None if segments is None else torch.from_numpy(_fill(segments, valid)),
    )


def _fill(rows: Sequence[np.ndarray], valid: np.ndarray) -> np.ndarray:
    filled = np.zeros(valid.shape, np.int64)
    filled[valid] = np.concatenate(rows)
    return filled


def by_length(lengths: Sequence[int], tokens: int) -> Iterator[np.ndarray]:
    """Numbers of rows for one batch after the other, the longest first, so that memory is asked for once.

    A batch holds no more than `tokens`, padding included, but for a single longer row.
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(order):
        count = max(1, tokens // max(1, int(lengths[order[start]])))
        yield order[start : start + count]
        start += count


def in_step(pieces: Iterable[np.ndarray]) -> list[tuple[np.ndarray, bool]]:
    """Pieces of a batch, and True of each that counts.

    Where all processes call a model equally often, those with fewer pieces than others go on with their last one, whose
    result is to be multiplied by 0.
    """
    own = list(pieces)
    missing = calls_of_all(len(own)) - len(own)  # before any is read
    return [*((piece, True) for piece in own), *[(own[-1], False)] * missing]
