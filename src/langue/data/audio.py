"""Recordings of any kind, rate and number of channels as what models hear: one channel of 16,000 numbers a second."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from langue.data.samples import RATE, Samples, open_sound, sample_blocks
from langue.data.sound_files import BLOCK, SUFFIXES, Blocks, Truncated, file_blocks, length_of
from langue.errors import LangueError
from langue.extra import need

__all__ = ["BLOCK", "RATE", "SUFFIXES", "Sound", "Truncated", "read_audio", "read_blocks", "seconds_of"]

WHOLE_SECONDS = 6 * 3600
"""Seconds of a recording that is held whole, 1.4 GB."""

LOUDEST = 2.0
"""The most that samples may reach where 1.0 is the loudest; more are of another scale."""

Sound = str | Path | BinaryIO | bytes | np.ndarray | list[float] | Mapping[str, Any] | Any
"""A file, samples at `RATE`, or what datasets give; see `open_sound`."""


def read_audio(
    sound: Sound, start: float = 0.0, end: float | None = None, *, name: str = "", truncated: Truncated = "refuse"
) -> np.ndarray:
    """(samples,) float32 from −1 to 1 at `RATE`.

    Args:
        sound: a recording.
        start: seconds from its beginning from which on it is read.
        end: seconds up to which it is read; None is its end.
        name: what errors call it, where it has no path.
        truncated: what becomes of a file that is shorter than it says.

    Raises:
        LangueError: it cannot be read, nothing of it lies between the two times, or it is longer than `WHOLE_SECONDS`.
    """
    blocks, count = [], 0
    for block in read_blocks(sound, start, end, name=name, truncated=truncated):
        blocks.append(block)
        count += len(block)
        if count > WHOLE_SECONDS * RATE:
            raise LangueError(
                f"{_name(sound, name)} is longer than {WHOLE_SECONDS // 3600} hours; cut it into shorter ones"
            )
    return np.concatenate(blocks)


def read_blocks(
    sound: Sound, start: float = 0.0, end: float | None = None, *, name: str = "", truncated: Truncated = "refuse"
) -> Iterator[np.ndarray]:
    """The same in blocks of `BLOCK` seconds and less, of which no more than one is held; to the bit what the whole is.

    A file is opened when its first block is asked for, and closed after its last.
    """
    name = _name(sound, name)
    if not (math.isfinite(start) and start >= 0 and (end is None or math.isfinite(end))):
        raise LangueError(f"{name} cannot be read from {start} to {end} seconds; give numbers from 0 up")
    opened = open_sound(sound, name)
    if isinstance(opened, Samples):
        blocks = sample_blocks(opened, start, end)
    else:
        blocks = file_blocks(opened, start, end, name, truncated)
    empty = True
    for block in _resampled(_mono(blocks, name)):
        empty = empty and not len(block)
        yield block
    if empty:
        raise LangueError(f"{name} holds no sound, or none between the times that are asked for")


def seconds_of(sound: Sound, start: float = 0.0, end: float | None = None) -> float | None:
    """Seconds of a recording, or of the part that is asked for, as far as they are known without reading it."""
    if isinstance(sound, str | Path):
        whole = length_of(Path(sound))
    elif isinstance(sound, np.ndarray) and sound.ndim:
        whole = max(sound.shape) / RATE
    else:
        return None
    return None if whole is None else max(0.0, min(whole, whole if end is None else end) - start)


def _name(sound: Any, name: str) -> str:
    return name or (str(sound) if isinstance(sound, str | Path) else "a recording")


def _mono(blocks: Blocks, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """(samples,): the mean of (samples, channels), of which all are numbers and none is too loud."""
    for rate, block in blocks:
        if not np.isfinite(block).all():
            raise LangueError(f"{name} is damaged: not all of its samples are numbers")
        peak = float(np.abs(block).max(initial=0.0))
        if peak > LOUDEST:
            raise LangueError(f"{name} reaches {peak:,.1f}, where 1 is the loudest; divide its samples by their scale")
        yield rate, np.ascontiguousarray(block.mean(1), dtype=np.float32)


def _resampled(blocks: Iterator[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
    """At `RATE`; the resampler remembers the end of one block for the beginning of the next."""
    stream = None
    for rate, block in blocks:
        if rate != RATE and stream is None:
            soxr = need("soxr", "audio", "a recording of another rate than 16 kHz")
            stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
        yield block if stream is None else stream.resample_chunk(block)
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)
