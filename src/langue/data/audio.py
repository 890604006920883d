"""Recordings of any kind, rate and number of channels as what models hear: one channel of 16,000 numbers a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from langue.errors import LangueError

RATE = 16_000
"""Samples a second."""

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff", ".au")
"""Files that are taken for recordings."""

Sound = str | Path | BinaryIO | np.ndarray | Mapping[str, Any]
"""A file, samples at `RATE`, or what datasets give: `array` with `sampling_rate`, or `bytes` or `path` of a file."""


def read_audio(sound: Sound, start: float = 0.0, end: float | None = None, *, name: str = "") -> np.ndarray:
    """(samples,) float32 from −1 to 1 at `RATE`.

    Args:
        sound: a recording.
        start: seconds from its beginning from which on it is read.
        end: seconds up to which it is read; None is its end.
        name: what errors call it, where it has no path.

    Raises:
        LangueError: it cannot be read, or nothing of it lies between the two times.
    """
    if isinstance(sound, Mapping):
        return _given(sound, start, end, name)
    if isinstance(sound, np.ndarray):
        return _cut(_resampled(_mono(sound, name), RATE), start, end, name)
    return _decoded(sound, start, end, name or str(sound))


def _given(sound: Mapping[str, Any], start: float, end: float | None, name: str) -> np.ndarray:
    """As a dataset's row tells of a recording."""
    if sound.get("array") is not None:
        samples = _mono(np.asarray(sound["array"]), name)
        return _cut(_resampled(samples, int(sound.get("sampling_rate") or RATE)), start, end, name)
    if sound.get("bytes") is not None:
        import io

        return _decoded(io.BytesIO(sound["bytes"]), start, end, name)
    if sound.get("path"):
        return _decoded(sound["path"], start, end, name or str(sound["path"]))
    raise LangueError(f"{name or 'a recording'} has neither array, bytes nor path; it has {', '.join(map(str, sound))}")


def _decoded(file: str | Path | BinaryIO, start: float, end: float | None, name: str) -> np.ndarray:
    try:
        import soundfile
    except ImportError:
        raise LangueError("reading recordings needs soundfile: pip install 'langue[audio]'") from None
    if isinstance(file, str | Path) and not Path(file).is_file():
        raise LangueError(f"there is no recording {file}")
    try:
        with soundfile.SoundFile(file) as opened:
            rate = opened.samplerate
            first = round(start * rate)
            if first:
                opened.seek(min(first, opened.frames))
            count = -1 if end is None else max(0, round(end * rate) - first)
            samples = opened.read(count, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as error:
        raise LangueError(f"{name} cannot be read as a recording: {error}") from None
    return _checked(_resampled(_mono(samples, name), rate), name)


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    """(samples,) float32: the mean of (samples, channels), whole numbers as parts of their greatest."""
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min or -np.iinfo(samples.dtype).max)
    if samples.ndim > 2 or not np.issubdtype(samples.dtype, np.floating):
        raise LangueError(f"{name or 'a recording'} should be (samples,) or (samples, channels) numbers")
    if samples.ndim == 2:
        samples = samples.mean(1)
    return np.ascontiguousarray(samples, dtype=np.float32)


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    if rate == RATE:
        return samples
    try:
        import soxr
    except ImportError:
        raise LangueError("recordings of other rates than 16 kHz need soxr: pip install 'langue[audio]'") from None
    return soxr.resample(samples, rate, RATE)


def _cut(samples: np.ndarray, start: float, end: float | None, name: str) -> np.ndarray:
    stop = None if end is None else round(end * RATE)
    return _checked(samples[round(start * RATE) : stop], name)


def _checked(samples: np.ndarray, name: str) -> np.ndarray:
    if not len(samples):
        raise LangueError(f"{name or 'a recording'} holds no sound, or none between the times that are asked for")
    if not np.isfinite(samples).all():
        raise LangueError(f"{name or 'a recording'} is damaged: not all of its samples are numbers")
    return samples
