"""Signals as questions: whoever works sees that it was asked to stop, and stops where it is good to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from langue.errors import Interrupted
from langue.stopping import STOPPING


class Signals:
    """Counts of requests to stop, by signal."""

    def __init__(self) -> None:
        self.times = dict.fromkeys(STOPPING, 0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, signals are counted; a second Ctrl-C raises Interrupted, for those in a hurry."""
        try:
            before = {number: signal.signal(number, self._hear) for number in self.times}
        except ValueError:  # signals belong to the main thread; in another, nobody sends any
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: object) -> None:
        if number == signal.SIGINT and any(self.times.values()):
            raise Interrupted(number)
        self.times[signal.Signals(number)] += 1
        # Not by print, which may be at work on another line at this very moment and must not be called twice.
        with suppress(OSError):
            os.write(2, b"stopping after this step; what has been learnt will be saved\n")
