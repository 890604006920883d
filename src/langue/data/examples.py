"""Examples that have become tokens, held in a few flat arrays however many there are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, overload

import numpy as np

from langue.batch import Example


class EncodedExample(NamedTuple):
    """One example: framed token numbers, their segments, and what is to be said; of choices, lists of the first two."""

    ids: Any
    segments: Any
    target: Any


class ByNumber(Sequence[Example]):
    """Examples that are made when they are asked for, one by one or in slices."""

    @abstractmethod
    def example(self, number: int) -> Example:
        """One of them, from 0 on."""

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self.example(number) for number in range(*index.indices(len(self)))]
        return self.example(index)


class Examples(ByNumber):
    """Examples by number, each with `ids`, `segments` and `target`.

    Five bytes a token: a million texts of fifty tokens are 250 MB.

    Args:
        encoded: the examples, which may be made as they are asked for.
        several: whether each has several texts, which are the choices.
    """

    def __init__(self, encoded: Iterable[EncodedExample], *, several: bool = False):
        self.several = several
        ids: list[np.ndarray] = []
        segments: list[np.ndarray] = []
        counts: list[int] = []
        targets: list[Any] = []
        for example in encoded:
            texts = example.ids if several else [example.ids]
            ids += [np.asarray(text, np.int32) for text in texts]
            segments += [np.asarray(text, np.int8) for text in (example.segments if several else [example.segments])]
            counts.append(len(texts))
            targets.append(example.target)
        self._ids = np.concatenate(ids) if ids else np.empty(0, np.int32)
        self._segments = np.concatenate(segments) if segments else np.empty(0, np.int8)
        self._ends = np.cumsum([0, *(len(text) for text in ids)])
        self._texts = np.cumsum([0, *counts])
        # A label for each token: as many as the text has, so that they make no array.
        ragged = bool(targets) and isinstance(targets[0], np.ndarray)
        self.targets: Any = targets if ragged else np.array(targets)

    def __len__(self) -> int:
        return len(self._texts) - 1

    @property
    def tokens(self) -> int:
        """Tokens of all texts, special ones included."""
        return len(self._ids)

    @property
    def texts(self) -> np.ndarray:
        """(examples,) texts of each: 1, or the number of its choices."""
        return np.diff(self._texts)

    @property
    def lengths(self) -> np.ndarray:
        """(examples,) tokens of each; of choices, those of the longest times their number, which is what they cost."""
        lengths = np.diff(self._ends)
        if not self.several or not len(self):
            return lengths
        return np.maximum.reduceat(lengths, self._texts[:-1]) * self.texts

    def example(self, number: int) -> Example:
        ends = self._ends[self._texts[number] : self._texts[number + 1] + 1]
        ids, segments = (
            tuple(array[start:end] for start, end in pairwise(ends)) for array in (self._ids, self._segments)
        )
        if not self.several:
            ids, segments = ids[0], segments[0]
        return {"ids": ids, "segments": segments, "target": self.targets[number]}
