"""The times of tokens, by the attention of a decoder's heads to the recording (Whisper's own code, `timing.py`).

Some heads of a Whisper look at the place of the recording that they are writing down. Their attention weights are
normalised, so that what all tokens look at counts for nothing, smoothed, and averaged; then the way through (token,
position) is found that never goes back and sees the most (dynamic time warping, Sakoe and Chiba 1978).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SMOOTH = 7
"""Positions whose median is taken."""


def token_positions(weights: Tensor, rows: slice) -> np.ndarray:
    """(tokens,) int64: the position at which the way comes to each token.

    Args:
        weights: (heads, T, positions) attention weights of T tokens; they need not sum to 1.
        rows: which of the tokens are to be found.
    """
    weights = weights.double()
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-300)
    deviation, mean = torch.std_mean(weights, -2, correction=0, keepdim=True)
    smooth = median_filter((weights - mean) / deviation.clamp(min=1e-300), SMOOTH)
    tokens, positions = warp(-smooth.mean(0)[rows].cpu().numpy())
    return positions[np.flatnonzero(np.diff(tokens, prepend=-1))]


def median_filter(x: Tensor, width: int) -> Tensor:
    """(…, N): the median of `width` numbers, an odd count, around each; mirrored at either end. Short rows stay."""
    half = width // 2
    if x.shape[-1] <= half:
        return x
    return torch.nn.functional.pad(x, (half, half), mode="reflect").unfold(-1, width, 1).median(-1).values


def warp(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest way from the first to the last corner of (N, M) costs, by steps of one down, right, or both.

    What lies on one diagonal from below left to above right depends on the two before it alone, so that a diagonal is
    worked out at once.

    Returns:
        Rows and columns, (L,) int64, that the way goes through.
    """
    rows, columns = costs.shape
    came = np.zeros((rows + 1, columns + 1), np.int8)  # from above left, from above, or from the left
    came[0], came[1:, 0] = 2, 1
    before, last = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)  # of the two diagonals before, by row
    before[0] = 0.0
    for total in range(2, rows + columns + 1):
        row = np.arange(max(1, total - columns), min(rows, total - 1) + 1)
        both, above, left = before[row - 1], last[row - 1], last[row]
        step = np.where((both < above) & (both < left), 0, np.where((above < both) & (above < left), 1, 2))
        now = np.full(rows + 1, np.inf)
        now[row] = costs[row - 1, total - row - 1] + np.choose(step, (both, above, left))
        came[row, total - row] = step
        before, last = last, now
    return _way_back(came)


def _way_back(came: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    row, column = came.shape[0] - 1, came.shape[1] - 1
    way = []
    while row > 0 or column > 0:
        way.append((row - 1, column - 1))
        step = came[row, column]
        row, column = row - (step != 2), column - (step != 1)
    steps = np.array(way[::-1], np.int64)
    return steps[:, 0], steps[:, 1]
