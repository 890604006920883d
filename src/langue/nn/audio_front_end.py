"""The audio front end: features of sound in, a vector for every few frames out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue.nn.roles import SHIFT, Role


class FrameConvolution(nn.Module):
    """A convolution over time of three frames, whose padding stays silent."""

    def __init__(self, input_width: int, width: int, stride: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, input_width, 3))
        self.bias = nn.Parameter(torch.zeros(width))
        self.stride = stride
        self.roles = {"weight": Role("convolution"), "bias": SHIFT}

    def forward(self, x: Tensor) -> Tensor:
        """(B, input width, frames) to (B, width, frames / stride, rounded up)."""
        return F.conv1d(x, self.weight, self.bias, self.stride, padding=1)


class AudioFrontEnd(nn.Module):
    """Convolutions that make every few frames one position, GELU after each (Radford et al. 2022, section 2.2).

    A frame of padding is made silent after each of them, so that what is heard does not depend on what is longer beside
    it.

    Args:
        bins: numbers of a frame.
        width: of the vectors.
        strides: of each convolution, 1 or 2.
    """

    def __init__(self, bins: int, width: int, strides: Sequence[int]):
        super().__init__()
        widths = [bins] + [width] * len(strides)
        sizes = zip(widths, widths[1:], strides, strict=False)
        self.layers = nn.ModuleList(FrameConvolution(before, after, step) for before, after, step in sizes)

    def forward(self, features: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Downsample the frames of recordings.

        Args:
            features: (B, frames, bins).
            valid: (B, frames) bool; None when nothing is padding.

        Returns:
            (B, positions, width) and (B, positions) bool or None.
        """
        x = features.transpose(1, 2)
        for layer in self.layers:
            assert isinstance(layer, FrameConvolution)
            if valid is not None:
                x = x * valid[:, None]
                valid = valid[:, :: layer.stride]
            x = F.gelu(layer(x))
        return x.transpose(1, 2), valid


def positions_of(frames: Tensor, strides: Sequence[int]) -> Tensor:
    """Number of positions that so many frames become: divided and rounded up once for each convolution."""
    for stride in strides:
        frames = (frames + stride - 1) // stride
    return frames
