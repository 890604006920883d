"""`Langue/Transcribe-v0`: a recording is heard, its words written, and an error rate judges them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from langue.data import DataSettings
from langue.data.labelled import read_labelled, require, text_of
from langue.data.recordings import recording_of
from langue.environments.environment import EnvironmentSettings, JudgedEnvironment, Outcome, Rows, Scene, row_of
from langue.errors import LangueError
from langue.metrics.speech import Normaliser, error_rate, error_statistics


class TranscribeEnvironmentSettings(EnvironmentSettings):
    """Settings of `Langue/Transcribe-v0`."""

    data: Rows
    """A table of recordings with the columns audio and text."""
    reward: Literal["wer", "cer"] = "wer"
    """1 − the rate of wrong words or characters, which is below 0 where more is wrong than was said."""
    columns: dict[str, str] = Field(default_factory=dict)
    """A table's names of the columns, such as {text: sentence}."""
    normaliser: Normaliser = "basic"
    """The normalisation of texts before they are compared."""


class TranscribeEnvironment(JudgedEnvironment):
    """The observation is a recording's path, `info["audio"]` its samples at 16 kHz, the action what is said in it."""

    name, kind = "Langue/Transcribe-v0", TranscribeEnvironmentSettings
    settings: TranscribeEnvironmentSettings
    together = 64  # recordings, which are held while they are heard

    def __init__(self, render_mode: str | None = None, **settings: Any):
        super().__init__(render_mode, **settings)
        source = str(self.settings.data) if isinstance(self.settings.data, Path) else self.settings.data
        self.rows = list(read_labelled(source, DataSettings(train="", columns=self.settings.columns)))
        if not self.rows:
            raise LangueError(f"{self.name}: there are no recordings in {source!r:.60}")
        for row in self.rows:
            require(row, "audio", "text")
        self.size = len(self.rows)

    def scene(self, seed: int, episode: int) -> Scene:
        row = self.rows[row_of(len(self.rows), seed, episode)]
        recording = recording_of(row)
        path = recording.audio if isinstance(recording.audio, str | Path) else recording.place
        return self.judged(str(path), text_of(row, "text"), {"audio": recording.read().copy()})

    def outcomes(self, subjects: Sequence[str], texts: Sequence[str]) -> list[Outcome]:
        counts = error_statistics(texts, subjects, self.settings.normaliser)[self.settings.reward]
        return [
            Outcome(1 - error_rate(row), info={"reference": text}) for row, text in zip(counts, subjects, strict=True)
        ]
