"""Log-mel features of sound: the energy of each band of the mel scale, every hundredth of a second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import torch
from torch import Tensor

MelKind = Literal["filterbank", "whisper"]

RATE = 16_000
WINDOW, HOP = 400, 160
"""Samples of a window and between two: 25 and 10 ms."""

FRAMES = RATE // HOP
"""Frames a second."""

_SILENT = 1e-10
"""Whisper's least energy."""

_QUIET = 1e-8
"""A filterbank's, as a share of the loudest: 80 decibels below it all is silence, digital or not."""


def frames_of(samples: int) -> int:
    """Number of frames of so many samples; a recording of less than one has one."""
    return max(1, samples // HOP)


Level = tuple[float, float]
"""Mean and deviation of a bin over many recordings."""


def log_mel(samples: Tensor, kind: MelKind, bins: int, levels: Sequence[Level] = ()) -> Tensor:
    """(samples,) float32 at 16 kHz as (frames, bins).

    filterbank: natural logarithms, of mean 0 and deviation 1 over the recording, so that its loudness does not matter.
    Each bin by itself would lose what a short word sounds like; over many recordings each bin may be, by `levels`.
    whisper: Whisper's own (Radford et al. 2022, section 2.2), decadic logarithms down to 8 below the greatest, scaled
    to about −1 … 1.

    Args:
        samples: one recording.
        kind: which of the two.
        bins: bands of the mel scale, Slaney's, from 0 to 8,000 Hz.
        levels: of a filterbank's bins; none measures each recording by itself.
    """
    energy = _energy(samples, bins)
    if kind == "whisper":
        features = energy.clamp(min=_SILENT).log10()
        features = torch.maximum(features, features.max() - 8.0)
        return ((features + 4.0) / 4.0).T
    if levels:
        means, deviations = torch.tensor(levels, device=energy.device).T
        return (_logarithms(energy, _SILENT).T - means) / deviations
    features = _logarithms(energy, 1e-30)
    return ((features - features.mean()) / (features.std(correction=0) + 1e-3)).T


def levels_of(recordings: Iterable[Tensor], bins: int) -> tuple[Level, ...]:
    """Mean and deviation of each bin's logarithm over all frames of recordings (samples,), to four digits.

    None of no recordings.
    """
    count, total, squares = 0, *torch.zeros(2, bins, dtype=torch.float64)
    for samples in recordings:
        logarithms = _logarithms(_energy(samples, bins), _SILENT).double()
        count += logarithms.shape[1]
        total, squares = total + logarithms.sum(1), squares + logarithms.square().sum(1)
    if not count:
        return ()
    means = total / count
    # A bin in which nothing ever happens, such as those above a telephone's 4 kHz may be, is not blown up.
    deviations = (squares / count - means.square()).clamp(min=1e-2).sqrt()
    pairs = zip(means.tolist(), deviations.tolist(), strict=True)
    return tuple((round(mean, 4), round(deviation, 4)) for mean, deviation in pairs)


def _logarithms(energy: Tensor, least: float) -> Tensor:
    """Natural ones, of what is not silence beside the loudest."""
    return energy.clamp(min=_QUIET * float(energy.max()) + least).log()


def _energy(samples: Tensor, bins: int) -> Tensor:
    """(samples,) as (bins, frames)."""
    length = frames_of(len(samples))
    # A window's half is mirrored at either end, for which there has to be enough.
    samples = torch.nn.functional.pad(samples, (0, max(0, WINDOW - len(samples))))
    spectrum = torch.stft(samples, WINDOW, HOP, window=_window().to(samples.device), return_complex=True)
    spectrum = spectrum[:, :length]
    # Without the root that |z|² would take and undo: a fifth of the time of all this.
    return mel_filters(bins).to(samples.device) @ (spectrum * spectrum.conj()).real


@cache
def _window() -> Tensor:
    return torch.hann_window(WINDOW)


@cache
def mel_filters(bins: int) -> Tensor:
    """(bins, WINDOW / 2 + 1) weights of triangular filters, of one area each (Slaney 1998, as in librosa)."""
    centres = _hertz(torch.linspace(0.0, float(_mel(torch.tensor(RATE / 2))), bins + 2, dtype=torch.float64))
    frequencies = torch.linspace(0, RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    slopes = centres[:, None] - frequencies
    widths = centres.diff()[:, None]
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    filters = torch.minimum(rising, falling).clamp(min=0)
    return (filters * (2.0 / (centres[2:] - centres[:-2]))[:, None]).float()


# Slaney's scale is linear up to 1,000 Hz and logarithmic above.
_LINEAR, _BEND, _STEP = 200.0 / 3, 1000.0, 27.0 / torch.log(torch.tensor(6.4, dtype=torch.float64))


def _mel(hertz: Tensor) -> Tensor:
    hertz = hertz.double()
    return torch.where(hertz < _BEND, hertz / _LINEAR, _BEND / _LINEAR + (hertz / _BEND).clamp(min=1).log() * _STEP)


def _hertz(mel: Tensor) -> Tensor:
    bend = _BEND / _LINEAR
    return torch.where(mel < bend, mel * _LINEAR, _BEND * ((mel - bend).clamp(min=0) / _STEP).exp())
