"""Recordings that are given from Python: arrays of any kind and shape, tensors, and what datasets make of a row."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from langue.data.sound_files import BLOCK, Blocks, checked_rate
from langue.errors import LangueError

RATE = 16_000
"""Samples a second that models hear, and that arrays have whose rate nobody tells."""

CHANNELS = 64
"""Channels at most; of an array with more on both sides nobody knows which they are."""

SIXTEEN_BITS, TWENTY_FOUR_BITS = 1 << 15, 1 << 23

SCALES = {"uint8": (128, 128), "int8": (0, 128), "int16": (0, SIXTEEN_BITS), "uint16": (SIXTEEN_BITS, SIXTEEN_BITS)}
"""By kind of whole numbers: what silence is, and what is 1.0 above it. Unsigned ones have silence in the middle, as
8-bit WAV has it and SciPy reads it."""


class Samples(NamedTuple):
    """An array that was understood."""

    rate: int
    array: np.ndarray
    """(samples, channels)."""
    silence: float
    """The number that stands for silence."""
    loudest: float
    """The distance between silence and 1.0."""


class _Bytes(io.BytesIO):
    """Bytes of a file. libsndfile seeks before the first of a damaged one, which would be printed as a traceback."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def open_sound(sound: Any, name: str) -> str | Path | BinaryIO | Samples:
    """A file, or samples, of whatever stands for a recording.

    Args:
        sound: a path; bytes of a file, or an open one; an array or a tensor, (samples,), (samples, channels) or
            (channels, samples), at `RATE`; a mapping with `array` (or `raw`) and `sampling_rate`, `bytes`, or `path`,
            as datasets have them; a decoder of torchcodec, or what it decoded.
        name: what errors call it.

    Raises:
        LangueError: it is none of these, or its numbers could mean several things.
    """
    if isinstance(sound, str | Path):
        return sound
    if isinstance(sound, bytes | bytearray | memoryview):
        return _Bytes(sound)
    if isinstance(sound, Mapping):
        return _of_row(sound, name)
    if hasattr(sound, "get_all_samples"):
        sound = sound.get_all_samples()
    if hasattr(sound, "sample_rate") and hasattr(sound, "data"):  # torchcodec's samples: (channels, samples)
        array = _array(sound.data, name)
        return _understood(array.T if array.ndim == 2 else array, sound.sample_rate, name, oriented=True)
    if hasattr(sound, "read") and hasattr(sound, "seek"):
        return sound
    if isinstance(sound, list | tuple | np.ndarray) or hasattr(sound, "__array__"):
        return _understood(_array(sound, name), RATE, name)
    raise _strange(sound, name)


def sample_blocks(samples: Samples, start: float, end: float | None) -> Blocks:
    """The samples between two times, in seconds, as `file_blocks` gives them."""
    rate, array = samples.rate, samples.array
    stop = len(array) if end is None else min(len(array), round(end * rate))
    for place in range(min(stop, round(start * rate)), stop, BLOCK * rate):
        block = array[place : min(stop, place + BLOCK * rate)]
        if block.dtype.kind != "f":
            block = (block - np.float64(samples.silence)) / samples.loudest
        yield rate, np.asarray(block, np.float32)


def _of_row(sound: Mapping[str, Any], name: str) -> str | Path | BinaryIO | Samples:
    for column in ("array", "raw"):
        if sound.get(column) is not None:
            rate = sound.get("sampling_rate")
            others = [str(key) for key in sound if key not in ("array", "raw", "path", "bytes")]
            if rate is None and others:
                raise LangueError(f"{name} has no sampling_rate but {', '.join(others)}; name the rate sampling_rate")
            return _understood(_array(sound[column], name), RATE if rate is None else rate, name)
    raw, path = sound.get("bytes"), sound.get("path")
    if isinstance(raw, bytes | bytearray | memoryview):
        return _Bytes(raw)
    if raw is None and isinstance(path, str | Path) and path != "":
        return path
    if raw is not None or path:
        raise _strange(path if raw is None else raw, name)
    raise LangueError(f"{name} has neither array, bytes nor path; it has {', '.join(map(str, sound))}")


def _array(values: Any, name: str) -> np.ndarray:
    if hasattr(values, "detach"):  # a tensor of torch's, which may be on another device or in a kind NumPy lacks
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() and values.element_size() < 4 else values).numpy()
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise LangueError(f"{name} cannot be read as a recording: {error}") from None


def _understood(array: np.ndarray, rate: Any, name: str, *, oriented: bool = False) -> Samples:
    try:
        known = checked_rate(float(rate), name)
    except (TypeError, ValueError, OverflowError):
        raise LangueError(f"{name}: sampling_rate should be samples a second, got {rate!r:.60}") from None
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        raise LangueError(
            f"{name} should be (samples,), (samples, channels) or (channels, samples) numbers, "
            f"not {array.shape} of {array.dtype}"
        )
    if not array.size:
        array = np.empty((0, 1), array.dtype)
    elif array.ndim == 1:
        array = array[:, None]
    elif not oriented:
        array = _samples_first(array, name)
    return Samples(known, array, *_scale(array, name))


def _samples_first(array: np.ndarray, name: str) -> np.ndarray:
    """(samples, channels), whichever stood first: a recording has more samples than channels."""
    rows, columns = array.shape
    if min(rows, columns) > CHANNELS or (rows == columns > 1):
        raise LangueError(
            f"{name} is an array {array.shape}, of which nobody can tell samples from channels; give (samples,)"
        )
    return array.T if rows < columns else array


def _scale(array: np.ndarray, name: str) -> tuple[float, float]:
    """The number that stands for silence in an array, and the distance from it to 1.0.

    Raises:
        LangueError: its numbers could be of several scales.
    """
    kind = array.dtype.name
    if array.dtype.kind == "f":
        return 0.0, 1.0
    if kind in SCALES:
        return SCALES[kind]
    peak = max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0
    if kind == "int64" and peak <= SIXTEEN_BITS:  # what lists of whole numbers become, which had sixteen bits
        return SCALES["int16"]
    # 24 bits stand in the upper bytes, as SciPy and libsndfile put them; in the lower ones they would be as these.
    if kind == "int32" and (peak > TWENTY_FOUR_BITS or not (array & 0xFF).any()):
        return 0.0, float(1 << 31)
    raise LangueError(f"{name} holds {kind} numbers up to {peak:,}, of which nobody knows the scale; divide by it")


def _strange(sound: Any, name: str) -> LangueError:
    return LangueError(f"{name} is neither a file nor samples, but {sound!r:.60}")
