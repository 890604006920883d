"""A mix: several streams in one, each with its share, still asked for any row at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from langue.batch import Example
from langue.data.loader import Stream
from langue.data.order import Permutation
from langue.errors import LangueError

BLOCK = 1000
"""Rows in which the shares come out exactly."""


def tempered(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Shares that add up to 1: each weight to the power of 1/temperature (Conneau et al. 2020, section 3.1).

    Raises:
        LangueError: a weight is not above 0.
    """
    wrong = [name for name, weight in weights.items() if not weight > 0]
    if wrong:
        raise LangueError(f"the weight of {wrong[0]} must be above 0, not {weights[wrong[0]]}")
    powers = {name: weight ** (1 / temperature) for name, weight in weights.items()}
    return {name: power / sum(powers.values()) for name, power in powers.items()}


class Mix:
    """Streams with shares. Each block of 1,000 rows holds exactly its part of every stream, in an order of its own.

    So the row that a place of the mix stands for is known without counting through what came before.
    """

    def __init__(self, streams: Sequence[Stream], shares: Sequence[float], seed: int):
        self.streams, self.seed = streams, seed
        self.quotas = _whole_numbers(np.asarray(shares) * BLOCK)
        self._bounds = np.cumsum(self.quotas)

    def rows(self, first: int, count: int) -> list[Example]:
        found: list[Example] = []
        for row in range(first, first + count):
            block, place = divmod(row, BLOCK)
            ticket = Permutation(BLOCK, self.seed, block, "mix")[place]
            number = int(np.searchsorted(self._bounds, ticket, side="right"))
            ordinal = ticket - int(self._bounds[number] - self.quotas[number])
            found += self.streams[number].rows(block * int(self.quotas[number]) + ordinal, 1)
        return found


def _whole_numbers(parts: np.ndarray) -> np.ndarray:
    """Round to whole numbers of the same sum, at least one each, the largest remainders up."""
    whole = np.maximum(1, np.floor(parts).astype(np.int64))
    order = np.argsort(whole - parts)
    short = round(float(parts.sum())) - int(whole.sum())
    for number in range(abs(short)):
        whole[order[number % len(order)] if short > 0 else int(np.argmax(whole))] += 1 if short > 0 else -1
    return whole
