"""A mix: several streams in one, each with its share, still asked for any row at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from langue.data.order import epoch_order
from langue.data.stream import ArrayRows, Lookahead, RowStream
from langue.errors import LangueError

BLOCK = 10_000
"""Rows in which the shares come out exactly."""


def tempered(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Shares that add up to 1: each weight to the power of 1/temperature (Conneau et al. 2020, section 3.1).

    Raises:
        LangueError: a weight is not above 0.
    """
    for name, weight in weights.items():
        if not weight > 0:
            raise LangueError(f"the weight of {name} must be above 0, not {weight}")
    powers = {name: weight ** (1 / temperature) for name, weight in weights.items()}
    return {name: power / sum(powers.values()) for name, power in powers.items()}


class Mix(RowStream):
    """Streams with shares. Each block of 10,000 rows holds exactly its part of every stream, in an order of its own.

    So the row that a place of the mix stands for is known without counting through what came before.

    Args:
        streams: whose rows have the same names and lengths.
        shares: of each, adding up to 1; each stream gets one row of a block at least.
        seed: of the order in a block.
    """

    def __init__(self, streams: Sequence[RowStream], shares: Sequence[float], seed: int):
        self.streams, self.seed = streams, seed
        self.quotas = _whole_numbers(np.asarray(shares) * BLOCK)
        self._bounds = np.cumsum(self.quotas)
        # The place of each row among its block's, sorted by stream.
        self._locate = Lookahead(lambda rows: epoch_order(rows, BLOCK, seed, "mix")[1], BLOCK)

    @property
    def size(self) -> int:
        """Rows of all streams together; how often each is seen in as many rows depends on its share."""
        return sum(stream.size for stream in self.streams)

    def take(self, rows: np.ndarray) -> ArrayRows:
        """The rows of these numbers, from whichever stream they come."""
        tickets = self._locate(rows)
        sources = np.searchsorted(self._bounds, tickets, side="right")
        # A stream's rows are counted on from block to block.
        quotas = self.quotas[sources]
        own = rows // BLOCK * quotas + tickets - (self._bounds[sources] - quotas)
        arrays: dict[str, np.ndarray] = {}
        for source in np.unique(sources).tolist():
            here = np.flatnonzero(sources == source)
            for name, array in self.streams[source].take(own[here]).arrays.items():
                arrays.setdefault(name, np.empty((len(rows), *array.shape[1:]), array.dtype))[here] = array
        return ArrayRows(arrays)


def _whole_numbers(parts: np.ndarray) -> np.ndarray:
    """Round to whole numbers of the same sum, at least one each, the largest remainders up."""
    whole = np.maximum(1, np.floor(parts).astype(np.int64))
    order = np.argsort(whole - parts, kind="stable")
    short = round(float(parts.sum())) - int(whole.sum())
    for number in range(abs(short)):
        whole[order[number % len(order)] if short > 0 else int(np.argmax(whole))] += 1 if short > 0 else -1
    return whole
