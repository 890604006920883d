"""The audio front end of waveforms: samples in, a vector for every few hundred of them out."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from langue.nn.linear import make_linear
from langue.nn.norm import make_norm
from langue.nn.roles import GAIN, SHIFT, Initial, Role, matrix
from langue.settings import Settings

WaveNorm = Literal["first", "all"]


class WaveformConfig(Settings):
    """The convolutions over the samples of a recording (Baevski et al. 2020, "wav2vec 2.0", section 2)."""

    normalise: bool = True
    """Bring each recording to mean 0 and deviation 1, so that its loudness does not matter."""
    widths: tuple[int, ...] = Field(default=(512,) * 7, min_length=1)
    """Width of what each convolution gives."""
    sizes: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    """Samples or positions that each convolution sees."""
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    """Samples or positions that each convolution makes one: 320 samples in all are 20 ms."""
    norm: WaveNorm = "first"
    """The convolutions behind which there is a norm: the first alone, whose norm is over the time of each channel, or
    all of them, each position by itself."""
    bias: bool = False
    """Biases in the convolutions."""
    projection_norm: bool = True
    """Normalise what the convolutions give before it is brought to the model's width."""
    position_size: int = Field(default=128, ge=1)
    """Positions that the convolution sees by which a vector knows its place."""
    position_groups: int = Field(default=16, ge=1)
    """Groups of numbers that this convolution works on each by itself."""

    @model_validator(mode="after")
    def _check(self) -> WaveformConfig:
        if not len(self.widths) == len(self.sizes) == len(self.strides):
            raise ValueError("widths, sizes and strides name as many convolutions")
        if min(*self.widths, *self.sizes, *self.strides) < 1:
            raise ValueError("widths, sizes and strides are at least 1")
        return self

    @property
    def hop(self) -> int:
        """Samples between two positions."""
        return math.prod(self.strides)

    @property
    def least(self) -> int:
        """Samples that one position sees."""
        samples = 1
        for size, stride in zip(reversed(self.sizes), reversed(self.strides), strict=True):
            samples = (samples - 1) * stride + size
        return samples

    def positions(self, samples: Tensor) -> Tensor:
        """Number of positions of so many samples."""
        for size, stride in zip(self.sizes, self.strides, strict=True):
            samples = (samples - size) // stride + 1
        return samples


def waveform(samples: Tensor, config: WaveformConfig) -> Tensor:
    """(samples,) float32 at 16 kHz as (samples, 1), with silence behind one that is too short for a position."""
    if config.normalise:
        samples = (samples - samples.mean()) / (samples.var(correction=0) + 1e-7).sqrt()
    return F.pad(samples, (0, max(0, config.least - len(samples))))[:, None]


class TimeNorm(nn.Module):
    """Each channel of a recording brought to mean 0 and deviation 1 over its time, then scaled and shifted.

    It is GroupNorm (Wu & He 2018) with a group for each channel, but for padding, which does not count.
    """

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.roles = {"weight": GAIN, "bias": SHIFT}

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """(B, width, T), of which (B, T) counts, to the same shape."""
        if valid is None:
            return F.group_norm(x, len(self.weight), self.weight, self.bias)
        share = (valid / valid.sum(1, keepdim=True).clamp(min=1)).to(x.dtype)[:, None]
        x = x - (x * share).sum(2, keepdim=True)
        variance = (x.square() * share).sum(2, keepdim=True)
        return x * (variance + 1e-5).rsqrt() * self.weight[:, None] + self.bias[:, None]


class ChannelNorm(nn.Module):
    """LayerNorm of each position of channels that stand before time."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = make_norm("layer", width, 1e-5, True)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """(B, width, T) to the same shape."""
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class WaveConvolution(nn.Module):
    """A convolution over time without padding, its norm if it has one, and GELU."""

    def __init__(self, input_width: int, width: int, *, size: int, stride: int, bias: bool, norm: nn.Module | None):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, input_width, size))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.norm, self.stride = norm, stride
        self.roles = {"weight": Role("convolution"), **({"bias": SHIFT} if bias else {})}

    def forward(self, x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, input width, T) and (B, T) to (B, width, positions) and (B, positions)."""
        x = F.conv1d(x, self.weight, self.bias, self.stride)
        if valid is not None:  # a position counts if the last that it sees does
            valid = valid[:, self.weight.shape[2] - 1 :: self.stride]
        x = x if self.norm is None else self.norm(x, valid)
        return F.gelu(x), valid


class PositionConvolution(nn.Module):
    """Vectors to be added to others so that these know their places (Mohamed, Okhonko & Zettlemoyer 2019).

    Its matrices have a length of their own for each place (Salimans & Kingma 2016, "Weight normalization").
    """

    def __init__(self, width: int, size: int, groups: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, width // groups, size))
        self.length = nn.Parameter(torch.empty(1, 1, size))
        self.bias = nn.Parameter(torch.zeros(width))
        self.groups = groups
        usual = Initial("constant", math.sqrt(width / size))  # the length of new matrices
        self.roles = {"weight": Role("convolution"), "length": Role("vector", usual), "bias": SHIFT}

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same shape."""
        weight = self.weight * (self.length / torch.linalg.vector_norm(self.weight, dim=(0, 1), keepdim=True))
        # Of an even size one more position comes out than went in.
        y = F.conv1d(x.transpose(1, 2), weight, self.bias, padding=weight.shape[2] // 2, groups=self.groups)[
            ..., : x.shape[1]
        ]
        return F.gelu(y).transpose(1, 2)


class WaveformFrontEnd(nn.Module):
    """Convolutions over samples, a projection, and positions added (Baevski et al. 2020, section 2).

    What is heard does not depend on what is longer beside it: norms over time count no padding, and none is projected.

    Args:
        config: of the convolutions.
        width: of the vectors.
        epsilon: of the norm before the projection.
    """

    def __init__(self, config: WaveformConfig, width: int, epsilon: float):
        super().__init__()
        self.config = config
        inputs = (1, *config.widths)
        norms = [_norm(config, number) for number in range(len(config.widths))]
        sizes = zip(inputs, config.widths, config.sizes, config.strides, norms, strict=False)
        self.layers = nn.ModuleList(
            WaveConvolution(before, after, size=size, stride=stride, bias=config.bias, norm=norm)
            for before, after, size, stride, norm in sizes
        )
        last = config.widths[-1]
        self.norm = make_norm("layer", last, epsilon, True) if config.projection_norm else nn.Identity()
        self.projection = make_linear(last, (width,), True, matrix("projection"))
        self.position = PositionConvolution(width, config.position_size, config.position_groups)

    def forward(self, features: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Make positions of samples.

        Args:
            features: (B, samples, 1).
            valid: (B, samples) bool; None when nothing is padding.

        Returns:
            (B, positions, width) and (B, positions) bool or None.
        """
        x = features.transpose(1, 2)
        for layer in self.layers:
            x, valid = layer(x, valid)
        x = self.projection(self.norm(x.transpose(1, 2)))
        if valid is not None:
            x = x * valid[..., None]
        return x + self.position(x), valid


def _norm(config: WaveformConfig, number: int) -> nn.Module | None:
    """The norm behind a convolution by its number, from 0."""
    if config.norm == "all":
        return ChannelNorm(config.widths[number])
    return TimeNorm(config.widths[number]) if number == 0 else None
