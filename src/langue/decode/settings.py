"""How to choose the next token, as data."""

from __future__ import annotations

from pydantic import Field, model_validator

from langue.settings import Settings


class SearchSettings(Settings):
    """Greedy by default with `temperature: 0`, sampling above 0, beam search with `beams` above 1."""

    max_tokens: int = Field(default=200, ge=1)
    """New tokens at most."""
    temperature: float = Field(default=1.0, ge=0)
    """Sharpens (below 1) or flattens (above 1) the choice; 0 takes the likeliest token."""
    top_k: int | None = Field(default=None, ge=1)
    """Choose among so many likeliest tokens."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Choose among the fewest tokens that hold this share of probability."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Choose among tokens at least this share as likely as the likeliest."""
    repetition_penalty: float = Field(default=1.0, gt=0)
    """Above 1, makes tokens that stand in the text already less likely."""
    samples: int = Field(default=1, ge=1)
    """Texts for each prompt; with beams, the best so many."""
    beams: int = Field(default=1, ge=1)
    """Hypotheses that are followed at once."""
    length_penalty: float = Field(default=1.0, ge=0)
    """Beams are ranked by log-probability / length to this power."""
    seed: int = 0
    """Of sampling: the same seed gives the same text."""

    @model_validator(mode="after")
    def _consistent(self) -> SearchSettings:
        if self.beams > 1 and self.samples > self.beams:
            raise ValueError(f"{self.samples} samples cannot come out of {self.beams} beams")
        return self
