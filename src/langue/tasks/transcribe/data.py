"""Recordings and their texts by number, to learn from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from langue.batch import Example
from langue.data.examples import ByNumber
from langue.data.sounds import SoundStore
from langue.nn.mel import frames_of


class Spoken(ByNumber):
    """Examples by number, each with `audio` and `target`.

    Args:
        store: recordings and texts.
        encode: gives the tokens of texts.
    """

    def __init__(self, store: SoundStore, encode: Callable[[list[str]], list[list[int]]]):
        self.store = store
        self.targets = encode(store.texts)
        self.lengths = np.array([frames_of(count) for count in store.lengths.tolist()], np.int64)

    def __len__(self) -> int:
        return len(self.store)

    @property
    def tokens(self) -> int:
        """Hundredths of a second of all recordings."""
        return int(self.lengths.sum())

    @property
    def texts(self) -> np.ndarray:
        """(examples,): of each one recording."""
        return np.ones(len(self), np.int64)

    def example(self, number: int) -> Example:
        return {"audio": self.store[number], "target": self.targets[number]}
