"""Settings of `transcribe`: recordings and what is said in them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from langue.data.sound_files import Truncated
from langue.recipe import TableRecipe
from langue.settings import Settings
from langue.tasks.distill.settings import TaughtRecipe


class TranscribeSettings(Settings):
    """Settings of learning from recordings. What changes a recording is drawn anew each time that it is heard."""

    letters: Literal["plain", "written"] = "plain"
    """The letters that are written: letters, digits and apostrophes in lower case, or whatever the transcripts have."""
    language: str | None = None
    """Code of the language that is spoken, which a Whisper of several is told; null is English."""
    truncated: Truncated = "refuse"
    """Treatment of recordings that are shorter than they say: refuse leaves them out of a training and refuses them
    elsewhere, accept takes what there is and says so."""
    speed: float = Field(default=0.1, ge=0, lt=0.5)
    """Recordings are played faster or slower by up to this share."""
    gain: float = Field(default=0.0, ge=0)
    """Recordings are made louder or softer by up to so many decibels; a filterbank's features do not notice."""
    noise: float = Field(default=0.0, ge=0, le=1)
    """White noise is added, up to this share of a recording's own loudness."""
    time_masks: int = Field(default=2, ge=0)
    """Stretches of a recording that are hidden (SpecAugment, Park et al. 2019)."""
    time_mask: float = Field(default=0.1, ge=0, le=1)
    """The longest of them, as a share of the recording."""
    bin_masks: int = Field(default=2, ge=0)
    """Bands that are hidden."""
    bin_mask: int = Field(default=15, ge=0)
    """Mel bins of the widest of them."""
    ctc_weight: float = Field(default=0.3, ge=0, lt=1)
    """The weight of CTC beside the decoder, in learning and in choosing what is written, of a model that does both
    (Watanabe et al. 2017)."""
    beams: int = Field(default=1, ge=1)
    """Beginnings that are followed at once when a model is measured; 1 takes the likeliest letter of each moment."""


class TranscribeRecipe(TableRecipe, TaughtRecipe):
    """A model that learns to write what is said in recordings."""

    unit: ClassVar[str] = "tokens"
    scores: ClassVar[tuple[str, ...]] = ("wer", "cer")

    task: Literal["transcribe"]
    """The task that the model learns."""
    transcribe: TranscribeSettings = TranscribeSettings()
    """The settings of speech recognition."""
