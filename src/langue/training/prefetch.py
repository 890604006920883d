"""Prefetching: where making batches takes a while, a thread makes the next while the device works on this one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import torch

from langue.batch import Batch
from langue.randomness import RowRandomness
from langue.training.types import Batches, Objective

WORTH = 0.02
"""The share of a training's time that batches have to take to be worth a thread, which costs a small step as much."""


class Pass(NamedTuple):
    """The input of one forward pass.

    Attributes:
        step: of the update that it belongs to.
        first_row: the number of its first row, from which every random draw for it follows.
        examples: how many rows of the stream it is made of; several of its own may stand for one.
        batch: its tensors.
        is_last: whether the step has no other after it.
        counts: False for a stand-in of a process that has no rows, whose loss is nothing.
    """

    step: int
    first_row: int
    examples: int
    batch: Batch
    is_last: bool
    counts: bool = True


class Prefetch:
    """The batches of any step, of which, once it pays, the one after the last that was asked for is being made already.

    They are a pure function of seed and step, so it makes no difference who makes them, or when. What was made and not
    asked for is lost, and made again by whoever goes on. The thread ends with the last reference to this.

    Args:
        batches: the micro-batches of each step.
        objective: makes batches of them.
        seed: of what it draws.
        alone: let the thread make them on one core, so that those of a CPU stay with what the CPU computes; else on all
            that torch has, which would be idle beside a GPU.
    """

    def __init__(self, batches: Batches, objective: Objective, seed: int, *, alone: bool = False):
        self.batches, self.objective, self.seed, self.alone = batches, objective, seed, alone
        self._waited = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self._made: Iterator[Pass] = iter(())
        self._next: tuple[int, Callable[[], Pass]] | None = None

    def __getitem__(self, step: int) -> Iterator[Pass]:
        """Those of a step, one after the other.

        Raises:
            Exception: what went wrong with one of them, when it is its turn.
        """
        expected, self._next = self._next, None
        following = expected[1] if expected is not None and expected[0] == step else self._begin(step)
        is_last = False
        while not is_last:
            begun = time.perf_counter()
            prepared = following()
            self._waited += time.perf_counter() - begun
            following, is_last = self._soon(), prepared.is_last
            if is_last:  # and not before: a step that is left in its middle is begun again
                self._next = step + 1, following
            yield prepared

    def waited(self, seconds: float) -> float:
        """The share of so many seconds, those since it was last asked, for which batches have been waited for.

        Where it is more than `WORTH`, they are made ahead from now on.
        """
        share, self._waited = self._waited / max(1e-9, seconds), 0.0
        if share > WORTH:
            self.start()
        return share

    def start(self) -> None:
        """Let a thread make them from now on."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, "batches")
        if self.alone:
            cores = torch.get_num_threads()
            self._thread.submit(_take_one_core).result()
            torch.set_num_threads(cores)  # of threads to come; this one has kept its own

    def _begin(self, step: int) -> Callable[[], Pass]:
        """Leave what is being made, for the first batch of another step."""
        self._made = _all_from(step, self.batches, self.objective, self.seed)
        return self._soon()

    def _soon(self) -> Callable[[], Pass]:
        """A function that gives the next batch: by the thread, which begins at once, or when it is called."""
        return partial(next, self._made) if self._thread is None else self._thread.submit(next, self._made).result


def _take_one_core() -> None:
    """Let this thread compute by itself."""
    torch.get_num_threads()  # which takes over what others have, the first time
    torch.set_num_threads(1)


def _all_from(step: int, batches: Batches, objective: Objective, seed: int) -> Iterator[Pass]:
    """All batches from a step on; it knows no `Prefetch`, which could otherwise never be let go."""
    for number in itertools.count(step):
        micros = batches[number]
        for place, micro in enumerate(micros, 1):
            # A process without rows of its own takes part in what all do together.
            examples = micro.examples if micro.stand_in is None else [micro.stand_in]
            batch = objective.batch(examples, RowRandomness(seed, micro.first_row))
            is_last = place == len(micros)
            yield Pass(number, micro.first_row, len(examples), batch, is_last, counts=micro.stand_in is None)
