"""A recording as it is played: from its beginning to its end, while no more of it is held than what is being heard."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from langue.data.audio import RATE

Pieces = Iterator[tuple[int, np.ndarray]]
"""Samples of a recording, each piece with the sample that it begins at; between two there may be a gap."""

Detector = Callable[[Iterator[np.ndarray]], Pieces]
"""A function that leaves out of a recording's blocks those stretches in which nobody speaks."""


class Playback:
    """A recording that is read as it is heard, maybe without the stretches in which nobody speaks.

    Samples are counted without these; `time` knows where in the recording they are.

    Args:
        blocks: the recording's samples in their order, (n,) float32 each.
        detector: which of them are heard; None hears all.

    Attributes:
        samples: of the recording, that were read so far.
    """

    def __init__(self, blocks: Iterable[np.ndarray], detector: Detector | None = None):
        self.samples = 0
        counted = self._counted(blocks)
        self._pieces = _joined(counted) if detector is None else detector(counted)
        self._held, self._first = np.empty(0, np.float32), 0
        # Where a gap was left out: how many samples were heard before it, and which of the recording comes then.
        self._heard, self._origins = [0], [0]

    def _counted(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.samples += len(block)
            yield block

    def take(self, start: int, count: int) -> np.ndarray:
        """Samples from `start` on, fewer than `count` at the end alone. What lies before is forgotten."""
        parts, held = [self._held[start - self._first :]], len(self._held) - (start - self._first)
        while held < count:
            place, samples = next(self._pieces, (0, None))
            if samples is None:
                break
            self._note(place, start + held)
            parts.append(samples)
            held += len(samples)
        # A copy, lest a view keeps all that was forgotten.
        self._held, self._first = np.concatenate(parts), start
        return self._held[:count]

    def _note(self, origin: int, heard: int) -> None:
        if origin - self._origins[-1] != heard - self._heard[-1]:
            self._heard.append(heard)
            self._origins.append(origin)

    def time(self, sample: float, *, ending: bool = False) -> float:
        """Seconds in the recording of a sample that was taken; where a gap was left out, those before or behind it.

        Args:
            sample: as `take` counts them; it may lie between two.
            ending: it ends something, which therefore lies before the gap.
        """
        place = max(0, bisect_right(self._heard, sample - 1e-6 if ending else sample) - 1)
        return (self._origins[place] + sample - self._heard[place]) / RATE


def _joined(blocks: Iterable[np.ndarray]) -> Pieces:
    place = 0
    for block in blocks:
        yield place, block
        place += len(block)
