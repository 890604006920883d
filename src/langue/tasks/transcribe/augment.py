"""A recording that is never heard twice alike: other speed, other loudness, noise, and parts of it hidden."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from langue.tasks.transcribe.settings import TranscribeSettings


def change_sound(
    samples: np.ndarray, settings: TranscribeSettings, draws: np.random.Generator, pace: np.random.Generator
) -> np.ndarray:
    """(samples,) float32 played at another speed (Ko et al. 2015), louder or softer, and through noise.

    Args:
        samples: the recording.
        settings: how much it is changed.
        draws: of loudness and noise.
        pace: of the speed, which neighbours in a batch share: they were put together because they are as long.
    """
    if settings.speed:
        factor = 1 + settings.speed * pace.uniform(-1, 1)
        # Between two samples lies a line: of 16 kHz speech, what that costs is above what a filterbank tells apart.
        places = np.arange(0, len(samples) - 1, factor)
        samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    if settings.gain:
        samples = samples * np.float32(10 ** (settings.gain * draws.uniform(-1, 1) / 20))
    if settings.noise:
        loudness = settings.noise * draws.uniform() * float(np.sqrt(np.mean(samples**2)))
        # White either way, but normal numbers take five times as long to draw as these of the same deviation.
        noise = draws.random(len(samples), np.float32) - np.float32(0.5)
        samples = samples + noise * np.float32(loudness * 12**0.5)
    return samples


def hide(features: Tensor, settings: TranscribeSettings, draws: np.random.Generator) -> Tensor:
    """(frames, bins) with stretches of time, and bands where there are some, at their mean (Park et al. 2019)."""
    frames, bins = features.shape
    hidden, mean = features.clone(), float(features.mean())
    for _ in range(settings.time_masks):
        start, end = _stretch(frames, int(settings.time_mask * frames), draws)
        hidden[start:end] = mean
    for _ in range(settings.bin_masks if bins > 1 else 0):
        start, end = _stretch(bins, min(settings.bin_mask, bins), draws)
        hidden[:, start:end] = mean
    return hidden


def _stretch(total: int, longest: int, draws: np.random.Generator) -> tuple[int, int]:
    length = int(draws.integers(0, longest + 1))
    start = int(draws.integers(0, total - length + 1))
    return start, start + length
