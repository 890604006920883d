"""One batch ahead: a thread makes the next while the device works on this one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import torch

from langue.batch import Batch
from langue.randomness import RowRandomness
from langue.train.terms import Batches, Objective


class Made(NamedTuple):
    """What one forward pass takes.

    Attributes:
        step: of the update that it belongs to.
        first_row: the number of its first row, from which every random draw for it follows.
        batch: its tensors.
        is_last: whether the step has no other after it.
    """

    step: int
    first_row: int
    batch: Batch
    is_last: bool


class Ahead:
    """The batches of any step, of which the one after the last that was asked for is being made already.

    They are a pure function of seed and step, so it makes no difference who makes them, or when. What was made and not
    asked for is lost, and made again by whoever goes on. The thread ends with the last reference to this.

    Args:
        batches: the micro-batches of each step.
        objective: makes batches of them.
        seed: of what it draws.
        alone: make them on one core, so that those of a CPU stay with what the CPU computes; else on all that torch
            has, which would be idle beside a GPU.

    Attributes:
        waited: seconds that those who asked have waited, since it was last set to nothing.
    """

    def __init__(self, batches: Batches, objective: Objective, seed: int, *, alone: bool = False):
        self.batches, self.objective, self.seed = batches, objective, seed
        self.waited = 0.0
        self._thread = ThreadPoolExecutor(1, "batches")
        self._made: Iterator[Made] = iter(())
        self._next: tuple[int, Future[Made]] | None = None
        if alone:
            cores = torch.get_num_threads()
            self._thread.submit(_take_one_core).result()
            torch.set_num_threads(cores)  # of threads to come; this one has kept its own

    def __getitem__(self, step: int) -> Iterator[Made]:
        """Those of a step, one after the other.

        Raises:
            Exception: what went wrong with one of them, when it is its turn.
        """
        expected, self._next = self._next, None
        future = expected[1] if expected is not None and expected[0] == step else self._begin(step)
        is_last = False
        while not is_last:
            found = self._wait(future)
            future, is_last = self._thread.submit(next, self._made), found.is_last
            if is_last:  # and not before: a step that is left in its middle is begun again
                self._next = step + 1, future
            yield found

    def _begin(self, step: int) -> Future[Made]:
        """Leave what is being made, for the first batch of another step."""
        self._made = _all_from(step, self.batches, self.objective, self.seed)
        return self._thread.submit(next, self._made)

    def _wait(self, future: Future[Made]) -> Made:
        begun = time.perf_counter()
        found = future.result()
        self.waited += time.perf_counter() - begun
        return found


def _take_one_core() -> None:
    """Let this thread compute by itself."""
    torch.get_num_threads()  # which takes over what others have, the first time
    torch.set_num_threads(1)


def _all_from(step: int, batches: Batches, objective: Objective, seed: int) -> Iterator[Made]:
    """All batches from a step on; it knows no `Ahead`, which could otherwise never be let go."""
    for number in itertools.count(step):
        micros = batches[number]
        for place, micro in enumerate(micros, 1):
            batch = objective.batch(micro.examples, RowRandomness(seed, micro.first_row))
            yield Made(number, micro.first_row, batch, place == len(micros))
