"""The order of an epoch: a keyed permutation that can be asked for any place at once."""

from __future__ import annotations

from typing import overload

import numpy as np

from langue.randomness import mix

_ROUNDS = 6


class Permutation:
    """A random-looking bijection of 0 … n − 1, a pure function of its key, asked in O(1) without a table.

    A Feistel network (Luby & Rackoff 1988) over the next even number of bits, walked until it lands below n (Black &
    Rogaway 2002, "Ciphers with arbitrary finite domains", section 3: cycle walking): fewer than four steps on average.

    Args:
        n: size, from 1 to 2⁶².
        key: seed, epoch, ….
    """

    def __init__(self, n: int, *key: int | str):
        if not 1 <= n <= 1 << 62:
            raise ValueError(f"a permutation of {n} things cannot be made")
        self.n = n
        self._half = np.uint64(max(1, ((n - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = [np.uint64(mix(*key, "order", number)) for number in range(_ROUNDS)]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: np.ndarray) -> np.ndarray: ...
    def __getitem__(self, index: int | np.ndarray) -> int | np.ndarray:
        """The places that those of the permuted order come from; the index may be an array of any shape."""
        places = np.atleast_1d(np.asarray(index, dtype=np.uint64))
        if places.size and int(places.max()) >= self.n:
            raise IndexError(f"{int(places.max())} is outside a permutation of {self.n}")
        sources = self._round_trip(places)
        while (outside := sources >= self.n).any():
            sources[outside] = self._round_trip(sources[outside])
        sources = sources.astype(np.int64)
        return int(sources[0]) if np.ndim(index) == 0 else sources

    def _round_trip(self, x: np.ndarray) -> np.ndarray:
        left, right = x >> self._half, x & self._mask
        with np.errstate(over="ignore"):
            for key in self._keys:
                left, right = right, left ^ (_scramble(right + key) & self._mask)
        return (left << self._half) | right


def epoch_order(rows: np.ndarray, size: int, *key: int | str) -> tuple[np.ndarray, np.ndarray]:
    """The epoch of each row of an endless stream, and its place in that epoch's order of `size` things.

    Args:
        rows: (count,) int64.
        size: rows of one epoch.
        key: what the orders are drawn from, together with the epoch.
    """
    epochs, places = np.divmod(rows, size)
    for epoch in np.unique(epochs).tolist():
        here = epochs == epoch
        places[here] = Permutation(size, *key, epoch)[places[here]]
    return epochs, places


def set_aside(count: int, share: float) -> set[int]:
    """The rows of a table that are kept for dev: from all over it, the same for every seed."""
    return set(Permutation(count, "dev")[np.arange(round(count * share))].tolist()) if count else set()


def _scramble(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
