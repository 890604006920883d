"""Speed of the machine while a training runs."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Speed of the machine meanwhile, so that a share of it means the same beside other programs.

    Args:
        measure: takes some time, and returns FLOP/s.
    """

    def __init__(self, measure: Callable[[], float]):
        self._measure = measure
        self._speed = self._end = self._cost = 0.0

    def look(self) -> float:
        """FLOP/s, the mean of now and the last look; the last one alone where little time has passed since."""
        begun, before = time.perf_counter(), self._speed
        if begun - self._end < 100 * self._cost:
            return before
        self._speed, self._end = self._measure(), time.perf_counter()
        self._cost = self._end - begun
        return (self._speed + (before or self._speed)) / 2
