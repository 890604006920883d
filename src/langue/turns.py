"""Several trainings in turns, so that whatever else a machine does befalls all of them alike, and is noticed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from langue.experiment import Training
from langue.machine import matmul_speed

LOOKING = 0.06
"""Seconds in which it is measured what the machine gives."""


class RelativePace:
    """The machine's speed at a moment, against the fastest that it has been.

    Args:
        device: where trainings compute.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.best = 0.0

    def look(self) -> float:
        """FLOP/s of matrix products, just now."""
        speed, best = matmul_speed(self.device, LOOKING)
        self.best = max(self.best, best)
        return speed


@dataclass
class Turns:
    """The turns of one training.

    Attributes:
        training: what runs.
        seconds: of each turn.
        speeds: what the machine gave before and after each, in FLOP/s.
    """

    training: Training
    seconds: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)

    def take(self, seconds: float, pace: RelativePace) -> None:
        """Train for some seconds, or to the end if that is nearer; one step at least."""
        before, begun = pace.look(), time.perf_counter()
        self.training.run(pause=lambda: time.perf_counter() - begun >= seconds)
        self.seconds.append(time.perf_counter() - begun)
        self.speeds.append((before + pace.look()) / 2)

    def share(self, pace: RelativePace) -> float:
        """The share of the machine that the training had, 0 … 1, the mean over its time."""
        if not sum(self.seconds):
            return 1.0
        obtained = sum(seconds * speed for seconds, speed in zip(self.seconds, self.speeds, strict=True))
        return obtained / sum(self.seconds) / pace.best
