"""Buckets: batches of examples of about the same length, so that little is padding, in an order that is still keyed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from langue.batch import Example
from langue.data.loader import MicroBatch
from langue.data.order import Permutation
from langue.errors import LangueError

POOL = 64
"""Batches whose examples are sorted together: enough for 2 % of padding, few enough for batches of any mixture."""


class Buckets:
    """Deals examples out to steps, accumulations and ranks.

    An epoch is a keyed permutation of the examples, cut into pools; in a pool examples are sorted by length and cut
    into batches, and all batches of the epoch are permuted by key. So a batch is a pure function of (seed, number), and
    each epoch asks for each example once. With `batch_tokens` a pool is cut where its tokens are shared out evenly
    rather than its examples, so that an epoch has as many batches as any other.

    Args:
        examples: by number.
        lengths: (examples,) tokens of each.
        seed: of all orders.
        batch_size: examples of one micro-batch, over all ranks.
        batch_tokens: tokens of one micro-batch, padding included, roughly; goes before batch_size.
        accumulate: micro-batches of one step.
        rank: which rank this is.
        world: how many ranks there are.

    Raises:
        LangueError: there are too few examples, or the ranks would have none in some batch.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        lengths: np.ndarray,
        seed: int,
        *,
        batch_size: int,
        batch_tokens: int | None = None,
        accumulate: int = 1,
        rank: int = 0,
        world: int = 1,
    ):
        self.examples, self.seed, self.accumulate, self.rank, self.world = examples, seed, accumulate, rank, world
        self._lengths, self._by_tokens = np.asarray(lengths), batch_tokens is not None
        count = len(examples)
        if batch_tokens is not None:
            batch_size = max(1, int(batch_tokens / max(1.0, float(self._lengths.mean()))))
        self.batches = max(1, math.ceil(count / batch_size))
        if count < world or count // self.batches < world:
            raise LangueError(
                f"batches of {count // self.batches} examples cannot be shared out among {world} processes"
            )
        self._held: tuple[int, np.ndarray, np.ndarray, np.ndarray] | None = None

    @property
    def steps_per_epoch(self) -> float:
        return self.batches / self.accumulate

    def __getitem__(self, step: int) -> list[MicroBatch]:
        """This rank's micro-batches of a step."""
        return [self._micro(step * self.accumulate + number) for number in range(self.accumulate)]

    def _micro(self, number: int) -> MicroBatch:
        epoch, place = divmod(number, self.batches)
        members, first = self.members(epoch, place)
        share = [len(members) * rank // self.world for rank in (self.rank, self.rank + 1)]
        chosen = members[share[0] : share[1]].tolist()
        return MicroBatch([self.examples[index] for index in chosen], epoch * len(self.examples) + first + share[0])

    def members(self, epoch: int, place: int) -> tuple[np.ndarray, int]:
        """The examples of a batch, shortest first, and how many of the epoch's come before them where it is sorted."""
        if self._held is None or self._held[0] != epoch:
            self._held = (epoch, *self._plan(epoch))
        _, order, bounds, batches = self._held
        batch = batches[place]
        return order[bounds[batch] : bounds[batch + 1]], int(bounds[batch])

    def _plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Examples in the order of batches, where each batch begins, and the order of the batches."""
        count = len(self.examples)
        order = Permutation(count, self.seed, epoch)[np.arange(count)]
        # Batches differ in size by one example at most, so that none is left with a few.
        pools = np.array_split(np.arange(self.batches), math.ceil(self.batches / POOL))
        bounds = [0]
        for pool in pools:
            start, end = bounds[-1], count * (int(pool[-1]) + 1) // self.batches
            inside = order[start:end]
            order[start:end] = inside[np.argsort(self._lengths[inside], kind="stable")]
            bounds += (start + self._cuts(self._lengths[order[start:end]], len(pool))).tolist()
        return order, np.array(bounds), Permutation(self.batches, self.seed, epoch, "batches")[np.arange(self.batches)]

    def _cuts(self, lengths: np.ndarray, parts: int) -> np.ndarray:
        """Where each of the parts of a sorted pool ends; each has enough for all ranks."""
        even = len(lengths) * np.arange(1, parts + 1) // parts
        if not self._by_tokens:
            return even
        shares = lengths.sum() * np.arange(1, parts + 1) / parts
        cuts = np.searchsorted(np.cumsum(lengths), shares - 1e-9) + 1
        least = self.world * np.arange(1, parts + 1)
        cuts = np.maximum.accumulate(np.maximum(cuts - least, 0)) + least
        return np.minimum(cuts, len(lengths) - least[::-1] + self.world)
