"""Buckets: batches of examples of about the same length, so that little is padding, in an order that is still keyed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from langue.batch import Example
from langue.data.loader import MicroBatch
from langue.data.order import Permutation
from langue.errors import LangueError

POOL = 64
"""Batches whose examples are sorted together: enough for 2 % of padding, few enough for batches of any mixture."""

PAIRS_POOL = 4096
"""The same for examples of two lengths, which need more company to find their like."""


class Buckets:
    """Deals examples out to steps, accumulations and ranks.

    An epoch is a keyed permutation of the examples, cut into pools; in a pool examples are sorted by length and cut
    into batches, and all batches of the epoch are permuted by key. So a batch is a pure function of (seed, number), and
    each epoch asks for each example once. With `batch_tokens` a pool is cut where its tokens are shared out evenly
    rather than its examples, so that an epoch has as many batches as any other. Examples with two lengths, a source's
    and a target's, are not sorted but halved again and again, each time by the side that leaves less padding. How many
    ranks share a batch changes nothing about it: of one with fewer examples than there are ranks, some get none.

    Args:
        examples: by number.
        lengths: (examples,) tokens of each, or (examples, 2) of its two sides.
        seed: of all orders.
        batch_size: examples of one micro-batch, over all ranks.
        batch_tokens: tokens of one micro-batch, padding included, roughly; goes before batch_size.
        accumulate: micro-batches of one step.
        rank: which rank this is.
        world: how many ranks there are.
        pick: the (examples,) numbers of an epoch's examples, where some come more often than others; None takes each
            once.

    Raises:
        LangueError: an even share of the examples is less than one for each rank.
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
        pick: Callable[[int], np.ndarray] | None = None,
    ):
        self.examples, self.seed, self.accumulate, self.rank, self.world = examples, seed, accumulate, rank, world
        self._lengths, self._by_tokens, self._pick = np.asarray(lengths), batch_tokens is not None, pick
        count = len(examples)
        if batch_tokens is not None:
            batch_size = max(1, int(batch_tokens / max(1.0, float(self._lengths.sum() / max(1, count)))))
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
        """This rank's micro-batches of a step, of which some may have no examples."""
        return [self._micro(step * self.accumulate + number) for number in range(self.accumulate)]

    def _micro(self, number: int) -> MicroBatch:
        epoch, place = divmod(number, self.batches)
        members, first = self.members(epoch, place)
        share = [len(members) * rank // self.world for rank in (self.rank, self.rank + 1)]
        chosen = members[share[0] : share[1]].tolist()
        first_row = epoch * len(self.examples) + first + share[0]
        stand_in = None if chosen else self.examples[int(members[0])]
        return MicroBatch([self.examples[index] for index in chosen], first_row, stand_in)

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
        if self._pick is not None:
            order = self._pick(epoch)[order]
        # Batches differ in size by one example at most, so that none is left with a few.
        pool_size = POOL if self._lengths.ndim == 1 else PAIRS_POOL
        pools = np.array_split(np.arange(self.batches), math.ceil(self.batches / pool_size))
        bounds = [0]
        for pool in pools:
            start, end = bounds[-1], count * (int(pool[-1]) + 1) // self.batches
            inside = order[start:end]
            if self._lengths.ndim == 2:
                parts = self._halve(inside, len(pool))
                order[start:end] = np.concatenate(parts)
                bounds += (start + np.cumsum([len(part) for part in parts])).tolist()
                continue
            order[start:end] = inside[np.argsort(self._lengths[inside], kind="stable")]
            bounds += (start + self._cuts(self._lengths[order[start:end]], len(pool))).tolist()
        return order, np.array(bounds), Permutation(self.batches, self.seed, epoch, "batches")[np.arange(self.batches)]

    def _cuts(self, lengths: np.ndarray, parts: int) -> np.ndarray:
        """The ends of the parts of a sorted pool; each part has at least one example."""
        even = len(lengths) * np.arange(1, parts + 1) // parts
        if not self._by_tokens:
            return even
        shares = lengths.sum() * np.arange(1, parts + 1) / parts
        cuts = np.searchsorted(np.cumsum(lengths), shares - 1e-9) + 1
        least = np.arange(1, parts + 1)
        cuts = np.maximum.accumulate(np.maximum(cuts - least, 0)) + least
        return np.minimum(cuts, len(lengths) - least[::-1] + 1)

    def _halve(self, members: np.ndarray, parts: int) -> list[np.ndarray]:
        """Cut examples of two lengths into parts of about as many tokens, or examples, whose sides are alike."""
        if parts == 1:
            return [members]
        lengths, left = self._lengths[members], parts // 2
        halves = []
        for side in (0, 1):
            order = np.lexsort((lengths[:, 1 - side], lengths[:, side]))
            costs = np.cumsum(lengths[order].sum(1) if self._by_tokens else np.ones(len(order)))
            cut = int(np.searchsorted(costs, costs[-1] * left / parts - 1e-9)) + 1
            cut = min(max(cut, left), len(order) - (parts - left))
            first, second = order[:cut], order[cut:]
            padded = sum(int(lengths[half].max(0).sum()) * len(half) for half in (first, second))
            halves.append((padded, side, first, second))
        _, _, first, second = min(halves, key=lambda half: half[:2])
        return self._halve(members[first], left) + self._halve(members[second], parts - left)
