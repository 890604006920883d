"""The loader: who gets which rows of the endless training stream at which step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from langue.batch import Example
from langue.data.stream import ArrayRows, RowStream
from langue.errors import LangueError


@dataclass(frozen=True)
class MicroBatch:
    """The rows of one forward pass.

    Attributes:
        examples: the rows.
        first_row: the number of the first in the stream, from which every random draw for them follows.
        stand_in: a row of another process, where this one has none.
    """

    examples: Sequence[Example]
    first_row: int
    stand_in: Example | None = None

    def stack(self, name: str) -> np.ndarray:
        """One array of all rows, (rows, …); where they came from a stream, it is there already."""
        if isinstance(self.examples, ArrayRows):
            return self.examples.arrays[name]
        return np.stack([example[name] for example in self.examples])


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

    Raises:
        LangueError: the rows of a micro-batch cannot be shared out evenly.
    """

    def __init__(self, stream: RowStream, batch_size: int, accumulate: int = 1, rank: int = 0, world: int = 1):
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

    def epoch(self, row: int) -> int:
        """The number of whole passes through the data before a row."""
        return row // self.stream.size
