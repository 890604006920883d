"""Names of curves beside their ends, where they lie on no curve and on no other name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

LINE = 1.25
"""The height of a name, in sizes of its letters."""
GAP = 6
"""Points between the end of a curve and its name."""


def along(points: np.ndarray, step: float) -> np.ndarray:
    """(N, 2) places all along a curve, not farther apart than a step."""
    counts = np.ceil(np.abs(np.diff(points, axis=0)).max(1, initial=0) / step).clip(1, 1000).astype(int)
    parts = [
        np.linspace(first, second, count, endpoint=False)
        for (first, second), count in zip(pairwise(points), counts, strict=True)
    ]
    return np.concatenate([*parts, points[-1:]])


def arrange(
    places: np.ndarray, widths: np.ndarray, size: float, ink: np.ndarray, room: tuple[float, float]
) -> np.ndarray:
    """(N, 2) lower left corners of names, in points: pushed apart, then each in turn to where it lies on nothing.

    Names of one column keep the order of their curves, so that they can be told apart.
    """
    height = LINE * size
    steps = np.arange(-24, 25) * size / 4 - height / 2
    beside = np.stack([np.full_like(steps, GAP), steps], 1)
    corners = _push_apart(places, size) + np.array([GAP, -height / 2])
    for _ in range(12):
        before = corners.copy()
        for number, (place, width) in enumerate(zip(places, widths, strict=True)):
            # Above, below or before its end a name is farther from being read as the curve's, which costs.
            sides = [beside, beside - (GAP + width / 2, 0), beside - (2 * GAP + width, 0)]
            tried = np.concatenate([corners[number][None], *(place + side for side in sides)])
            others = np.arange(len(places)) != number
            cost = np.abs(tried[:, 1] + height / 2 - place[1]) + np.abs(tried[:, 0] - place[0] - GAP)
            cost += 100 * size * _on_names(tried, width, 0.9 * height, corners[others], widths[others])
            cost += size * _on_ink(tried, width, height, ink)
            cost += 100 * size * _crossed(tried, place, corners[others], places[others], widths[others])
            # In a panel's own margin there is room to its right, and none above, below or to its left.
            outside = (tried[:, 0] < 0) | (tried[:, 1] < -height / 2) | (tried[:, 1] > room[1])
            corners[number] = tried[np.argmin(cost + 100 * size * outside)]
        if np.array_equal(before, corners):
            break
    return corners


def _push_apart(wanted: np.ndarray, size: float) -> np.ndarray:
    """(N, 2) places from which names that would overlap, all right of them, have moved up and down in their order."""
    places = wanted.copy()
    for _ in range(60):
        for first in range(len(places)):
            for second in range(first):
                across, up = np.abs(places[first] - places[second])
                if up < LINE * size and across <= 3.5 * size:
                    move = (LINE * size - up) / 2 * (1 if wanted[first, 1] >= wanted[second, 1] else -1)
                    places[first, 1] += move
                    places[second, 1] -= move
    return places


def _on_names(tried: np.ndarray, width: float, height: float, corners: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """(tries,) how many other names each place would lie on."""
    left, low = np.split(tried, 2, axis=1)
    beside = (left < corners[:, 0] + widths + 2) & (corners[:, 0] < left + width + 2)
    return (beside & (np.abs(low - corners[:, 1]) < height - 1e-9)).sum(1)


def _on_ink(tried: np.ndarray, width: float, height: float, ink: np.ndarray) -> np.ndarray:
    """(tries,) how many places of curves would lie under the name."""
    left, low = tried[:, :1], tried[:, 1:]
    within = (ink[:, 0] > left - 2) & (ink[:, 0] < left + width + 2)
    return (within & (ink[:, 1] > low + 0.1 * height) & (ink[:, 1] < low + 0.9 * height)).sum(1)


def _crossed(
    tried: np.ndarray, place: np.ndarray, corners: np.ndarray, places: np.ndarray, widths: np.ndarray
) -> np.ndarray:
    """(tries,) how many names of one column would stand in another order than their curves end."""
    column = np.abs(tried[:, :1] - corners[:, 0]) < widths
    return (column & ((tried[:, 1:] - corners[:, 1]) * (place[1] - places[:, 1]) < 0)).sum(1)
