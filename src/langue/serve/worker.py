"""The worker: one thread that owns all models, and does the jobs of all lanes piece by piece."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from langue import machine
from langue.account import unsaid
from langue.engine.engine import WEIGHTS_SHARE
from langue.kernels import settled_weights
from langue.serve.counts import Counts
from langue.serve.errors import too_busy
from langue.serve.jobs import DrawnToken, Finished, Job
from langue.serve.lanes import Abandoned, Lane

LONGEST_WAIT = 60
"""Seconds after which a refused client is told to try again, at most."""


class Worker:
    """A thread that nobody else's work with a model ever meets.

    Args:
        queue: how many jobs may wait.
        counts: of what is done.
    """

    def __init__(self, queue: int, counts: Counts):
        self.queue, self.counts = queue, counts
        self.lanes: list[Lane] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changes: deque[Callable[[], None]] = deque()
        self._awake = threading.Condition()
        self._jobs: dict[Job, Lane] = {}
        self._outbox: list[tuple[Job, DrawnToken | Finished | Exception]] = []
        self._is_ending = False
        self._durations: deque[float] = deque([1.0], maxlen=32)
        self._thread = threading.Thread(target=self._run, name="langue-worker", daemon=True)

    def start(self) -> None:
        """Begin to work for the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End when the piece of work that is under way is done; what waits is not done any more."""
        with self._awake:
            self._is_ending = True
            self._awake.notify()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """True while it can do something."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return sum(not job.begun for job in list(self._jobs))

    @property
    def unfinished(self) -> int:
        """Jobs that wait or are under way."""
        return len(self._jobs)

    def submit(self, lane: Lane, job: Job) -> None:
        """Let a job wait for its turns.

        Raises:
            RequestError: too many wait already.
        """
        if not job.parts:
            return
        if self.waiting >= self.queue:
            raise too_busy(self.seconds_to_wait())
        self._jobs[job] = lane
        self._tell(lambda: lane.add(job))

    def cancel(self, job: Job) -> None:
        """Let a job go that nobody waits for any more, if it is not finished."""
        lane = self._jobs.pop(job, None)
        if lane is not None:
            job.is_cancelled = True
            self._tell(lambda: lane.cancel(job))

    def deliver(self, job: Job, happening: DrawnToken | Finished | Exception) -> None:
        """Hand over what has happened to a job; lanes call this from within the thread."""
        self._outbox.append((job, happening))

    def _tell(self, change: Callable[[], None]) -> None:
        with self._awake:
            self._changes.append(change)
            self._awake.notify()

    def seconds_to_wait(self) -> int:
        """Seconds in which a place in the queue should be free: jobs begin as fast as those before them end."""
        mean = sum(self._durations) / len(self._durations)
        under_way = max(1, self.unfinished - self.waiting)
        return min(LONGEST_WAIT, max(1, math.ceil(mean * self.waiting / under_way / 2)))

    def _run(self) -> None:
        with settled_weights(machine.memory()[1] // WEIGHTS_SHARE), unsaid():
            while not self._is_ending:
                self._wait()
                self._make_changes()
                self._advance()

    def breathe(self) -> None:
        """Let the lanes get on that have nothing under way, while another one takes long.

        Raises:
            Abandoned: the worker is to end.
        """
        if self._is_ending:
            raise Abandoned
        self._make_changes()
        self._advance()

    def _advance(self) -> None:
        for lane in self.lanes:
            try:
                lane.advance()
            except Abandoned:
                return
            except Exception as error:  # a fault of ours, which must not end the thread
                lane.fail_all(error)
        self._hand_over()

    def _wait(self) -> None:
        """Wait until there is something to do."""
        with self._awake:
            while not (self._changes or self._is_ending or self._has_work()):
                self._awake.wait()

    def _make_changes(self) -> None:
        """Do what the event loop has told."""
        while self._changes:
            self._changes.popleft()()

    def _has_work(self) -> bool:
        return not all(lane.is_idle for lane in self.lanes)

    def _hand_over(self) -> None:
        if self._outbox and self._loop is not None:
            self._loop.call_soon_threadsafe(self._arrive, self._outbox)
            self._outbox = []

    def _arrive(self, outbox: Sequence[tuple[Job, DrawnToken | Finished | Exception]]) -> None:
        """Put what has happened where the jobs' clients wait for it; this runs in the event loop."""
        for job, happening in outbox:
            job.left -= isinstance(happening, Finished)
            job.arrivals.put_nowait(happening)
            if isinstance(happening, Exception) or not job.left:
                self._durations.append(time.monotonic() - job.created)
                self._jobs.pop(job, None)
