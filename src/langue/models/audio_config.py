"""The audio front end as data."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from langue.nn.audio_front_end import positions_of
from langue.nn.mel import HOP
from langue.nn.waveform_front_end import WaveformConfig
from langue.settings import Settings

FeatureKind = Literal["filterbank", "whisper", "waveform"]


class AudioConfig(Settings):
    """The audio front end: features of a recording, and the convolutions before the encoder's first block."""

    features: FeatureKind = "filterbank"
    """Log-mel energies, normalised, or scaled as Whisper has them; or the samples themselves, for which there is
    `waveform`."""
    normalisation: Literal["recording", "global"] = "recording"
    """By what a filterbank is normalised: by the mean and deviation of each recording, whose loudness then does not
    matter, or by those of each bin over the recordings to learn from."""
    levels: tuple[tuple[float, float], ...] = ()
    """The latter: mean and deviation of each bin; they are found out before the training."""
    bins: int = Field(default=80, ge=1, le=256)
    """Bands of the mel scale."""
    strides: tuple[Literal[1, 2], ...] = Field(default=(2, 2), min_length=1)
    """Frames or positions that each of the convolutions makes one: two of stride 2 make one position of 40 ms."""

    waveform: WaveformConfig = WaveformConfig()
    """The convolutions over samples, of features: waveform, in place of bins and strides."""

    ctc: bool = False
    """Let a seq2seq's encoder write by CTC as well, a token or nothing at each position, as one alone does."""

    alignment_heads: tuple[tuple[int, int], ...] = ()
    """Blocks and heads of a seq2seq's decoder, both from 0, that attend to what they write down, by which the times of
    words are found; none takes all of the later half."""

    @model_validator(mode="after")
    def _check(self) -> AudioConfig:
        if self.normalisation == "global" and self.features != "filterbank":
            raise ValueError(
                f"{self.features} features have a scale of their own; normalisation: global is for filterbank"
            )
        heard = ("bins", "strides") if self.features == "waveform" else ("waveform",)
        if strange := [name for name in heard if getattr(self, name) != type(self).model_fields[name].default]:
            raise ValueError(f"{strange[0]} has no say in features: {self.features}")
        if self.levels and (self.normalisation != "global" or len(self.levels) != self.bins):
            raise ValueError("levels are for normalisation: global, and as many as there are bins")
        return self

    @property
    def stride(self) -> float:
        """Hundredths of a second that become one position."""
        return self.hop / HOP

    @property
    def hop(self) -> int:
        """Samples that become one position."""
        return self.waveform.hop if self.features == "waveform" else HOP * math.prod(self.strides)

    @property
    def frame(self) -> int:
        """Samples of a frame, of which a batch's source has one beside the other."""
        return 1 if self.features == "waveform" else HOP

    @property
    def frame_width(self) -> int:
        """Numbers of a frame."""
        return 1 if self.features == "waveform" else self.bins

    def positions(self, frames: Tensor) -> Tensor:
        """Number of positions that so many frames become."""
        return self.waveform.positions(frames) if self.features == "waveform" else positions_of(frames, self.strides)
