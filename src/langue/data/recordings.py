"""Recordings and what is said in them: the rows of a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from langue.data.audio import Truncated, read_audio, read_blocks, seconds_of
from langue.data.labelled import Labelled, require
from langue.data.values import finite, is_missing
from langue.errors import LangueError, reading

LONGEST_SECONDS = 1e9
"""The greatest place in a recording, some thirty years."""


class Recording(NamedTuple):
    """One recording, or a stretch of one."""

    place: str
    """The place of its row, as errors call it."""
    audio: Any
    start: float
    """Seconds."""
    end: float | None
    """Seconds; None is its end."""
    truncated: Truncated = "refuse"
    """Its fate where it is shorter than it says."""

    def read(self) -> np.ndarray:
        """See `read_audio`.

        Raises:
            LangueError: it cannot be read.
        """
        return read_audio(self.audio, self.start, self.end, name=self.place, truncated=self.truncated)

    def blocks(self) -> Iterator[np.ndarray]:
        """See `read_blocks`."""
        return read_blocks(self.audio, self.start, self.end, name=self.place, truncated=self.truncated)

    @property
    def seconds(self) -> float | None:
        """See `seconds_of`."""
        return seconds_of(self.audio, self.start, self.end)


def recording_of(row: Labelled, truncated: Truncated = "refuse") -> Recording:
    """The recording of a row with the column audio, and of its columns start and end, where it has them.

    A relative path is looked for from the manifest's folder and then from the working directory.

    Raises:
        LangueError: there is no such column, or its value is no recording; names the place.
    """
    require(row, "audio")
    audio = row.values["audio"]
    if audio is None:
        raise LangueError(f"{row.place}: audio is empty")
    start, end = (_seconds(row, name) for name in ("start", "end"))
    if isinstance(audio, str | Path) and row.folder is not None:
        with reading(f"{row.place}, {str(audio)!r:.60}"):  # a name may be longer than any system allows
            audio = row.folder / audio if (row.folder / audio).is_file() else audio
    place = f"{row.place}, {audio}" if isinstance(audio, str | Path) else row.place
    return Recording(place, audio, start or 0.0, end, truncated)


def _seconds(row: Labelled, name: str) -> float | None:
    value = row.values.get(name)
    if is_missing(value) or value == "":
        return None
    seconds = finite(value)
    if seconds is None or not 0 <= seconds <= LONGEST_SECONDS:
        raise LangueError(f"{row.place}: {name} should be a number of seconds, got {value!r:.60}")
    return seconds
