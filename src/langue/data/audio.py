"""Recordings of any kind, rate and number of channels as what models hear: one channel of 16,000 numbers a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from langue.errors import LangueError
from langue.extra import need

RATE = 16_000
"""Samples a second."""

BLOCK = 30
"""Seconds that are read at once."""

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff", ".au")
"""Files that are taken for recordings."""

Sound = str | Path | BinaryIO | np.ndarray | list[float] | Mapping[str, Any]
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
    return np.concatenate(list(read_blocks(sound, start, end, name=name)))


def read_blocks(sound: Sound, start: float = 0.0, end: float | None = None, *, name: str = "") -> Iterator[np.ndarray]:
    """The same in blocks of `BLOCK` seconds and less, of which no more than one is held; to the bit what the whole is.

    A file is opened when its first block is asked for, and closed after its last.
    """
    sound = {"array": sound} if isinstance(sound, list) else sound
    sound, rate = _given(sound, name or "a recording") if isinstance(sound, Mapping) else (sound, RATE)
    name = name or (str(sound) if isinstance(sound, str | Path) else "a recording")
    blocks = _cut(sound, rate, start, end, name) if isinstance(sound, np.ndarray) else _decoded(sound, start, end, name)
    empty = True
    for block in _resampled(blocks):
        if not np.isfinite(block).all():
            raise LangueError(f"{name} is damaged: not all of its samples are numbers")
        empty = empty and not len(block)
        yield block
    if empty:
        raise LangueError(f"{name} holds no sound, or none between the times that are asked for")


def seconds_of(sound: Sound, start: float = 0.0, end: float | None = None) -> float | None:
    """How long a recording is, or what of it is asked for, as far as it can be told without reading it."""
    if isinstance(sound, np.ndarray):
        whole = len(sound) / RATE
    elif isinstance(sound, str | Path):
        try:
            whole = _soundfile().info(str(sound)).duration
        except (RuntimeError, OSError):
            return None
    else:
        return None
    return max(0.0, min(whole, whole if end is None else end) - start)


def _given(sound: Mapping[str, Any], name: str) -> tuple[np.ndarray | str | Path | BinaryIO, int]:
    """As a dataset's row tells of a recording: what it is, and the rate of its samples where it is such."""
    if sound.get("array") is not None:
        try:
            return np.atleast_1d(np.asarray(sound["array"])), int(sound.get("sampling_rate") or RATE)
        except (TypeError, ValueError) as error:
            raise LangueError(f"{name} cannot be read as a recording: {error}") from None
    if sound.get("bytes") is not None:
        import io

        if not isinstance(sound["bytes"], bytes):
            raise _strange(sound["bytes"], name)
        return io.BytesIO(sound["bytes"]), RATE
    if sound.get("path"):
        return sound["path"], RATE
    raise LangueError(f"{name} has neither array, bytes nor path; it has {', '.join(map(str, sound))}")


def _decoded(
    file: str | Path | BinaryIO, start: float, end: float | None, name: str
) -> Iterator[tuple[int, np.ndarray]]:
    """The rate of a file, and its samples in one channel, block by block."""
    soundfile = _soundfile()
    if isinstance(file, str | Path) and not Path(file).is_file():
        place = "" if name == str(file) else f" ({name})"
        raise LangueError(f"there is no recording {file}{place}")
    if isinstance(file, int):  # which would be taken for the number of an open file
        raise _strange(file, name)
    try:
        with soundfile.SoundFile(file) as opened:
            rate = opened.samplerate
            first = min(round(start * rate), opened.frames)
            if first:
                opened.seek(first)
            left = None if end is None else max(0, round(end * rate) - first)
            while left is None or left:
                size = BLOCK * rate if left is None else min(left, BLOCK * rate)
                block = opened.read(size, dtype="float32", always_2d=True)
                if not len(block):
                    break
                left = None if left is None else left - len(block)
                yield rate, _mono(block, name)
    except TypeError:
        raise _strange(file, name) from None
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as error:
        raise LangueError(f"{name} cannot be read as a recording: {error}") from None


def _strange(sound: Any, name: str) -> LangueError:
    return LangueError(f"{name} is neither a file nor samples, but {sound!r:.60}")


def _soundfile() -> Any:
    return need("soundfile", "audio", "reading recordings")


def _cut(
    samples: np.ndarray, rate: int, start: float, end: float | None, name: str
) -> Iterator[tuple[int, np.ndarray]]:
    stop = len(samples) if end is None else min(len(samples), round(end * rate))
    for place in range(round(start * rate), stop, BLOCK * rate):
        yield rate, _mono(samples[place : min(stop, place + BLOCK * rate)], name)


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    """(samples,) float32: the mean of (samples, channels), whole numbers as parts of their greatest."""
    if samples.dtype == np.int64:  # what lists of whole numbers become, which had sixteen bits
        samples = samples / 32_768
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min or -np.iinfo(samples.dtype).max)
    if samples.ndim not in (1, 2) or not np.issubdtype(samples.dtype, np.floating):
        raise LangueError(f"{name} should be (samples,) or (samples, channels) numbers")
    if samples.ndim == 2:
        samples = samples.mean(1)
    return np.ascontiguousarray(samples, dtype=np.float32)


def _resampled(blocks: Iterator[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
    """At `RATE`; the resampler remembers the end of one block for the beginning of the next."""
    stream = None
    for rate, block in blocks:
        if rate != RATE and stream is None:
            stream = _resampler(rate)
        yield block if stream is None else stream.resample_chunk(block)
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _resampler(rate: int) -> Any:
    soxr = need("soxr", "audio", "a recording of another rate than 16 kHz")
    return soxr.ResampleStream(rate, RATE, 1, dtype="float32")
