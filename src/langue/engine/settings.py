"""Settings of the choice of tokens, and of the size of batches."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import Field, model_validator

from langue.settings import Settings


class SamplingSettings(Settings):
    """Greedy with `temperature: 0`, sampling above 0, beam search with `beams` above 1."""

    max_tokens: int = Field(default=200, ge=1)
    """New tokens at most."""
    max_tokens_per_source: float = Field(default=0.0, ge=0)
    """Tokens more for each position of the source."""
    min_tokens: int = Field(default=0, ge=0)
    """New tokens before a text may end."""
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
    no_repeat_ngram: int | None = Field(default=None, ge=1)
    """No so many tokens in a row stand twice in a text, its prompt included."""
    samples: int = Field(default=1, ge=1)
    """Texts for each prompt; with beams, the best so many."""
    beams: int = Field(default=1, ge=1)
    """Hypotheses that are followed at once."""
    length_penalty: float = Field(default=1.0, ge=0)
    """Beams are ranked by log-probability / ((offset + length) / (offset + 1)) to this power."""
    length_offset: float = Field(default=0.0, ge=0)
    """The offset in it: 0 divides by the length itself, 5 is GNMT's."""
    coverage_penalty: float = Field(default=0.0, ge=0)
    """The loss of beams for source positions that they have not looked at (GNMT's β); needs an attentive decoder."""
    stopping: Literal["early", "likely", "exact"] = "likely"
    """End beams as soon as there are as many ended texts as beams, when nothing better is in sight at the present
    length, or when nothing better can come: Transformers' `early_stopping` True, False, which is usual, and "never"."""
    groups: int = Field(default=1, ge=1)
    """Groups of beams that avoid each other's tokens; each has beams / groups."""
    diversity: float = Field(default=0.5, ge=0)
    """The loss of a token for each earlier group that has just chosen it."""
    alignments: bool = False
    """Keep how much each token looked at each source position."""
    draw_log_probabilities: bool = False
    """Keep the log-probability that each token was drawn with, temperature and filters included; not of beams."""
    seed: int = 0
    """Seed of sampling: the same gives the same text."""

    @property
    def width(self) -> int:
        """Hypotheses for each prompt at once."""
        return self.beams if self.beams > 1 else self.samples

    @cached_property
    def kind(self) -> tuple[tuple[str, Any], ...]:
        """The settings that requests share whose tokens are chosen together."""
        return tuple(self.model_dump(exclude=OWN).items())

    @model_validator(mode="after")
    def _consistent(self) -> SamplingSettings:
        if self.beams > 1 and self.samples > self.beams:
            raise ValueError(f"{self.samples} samples cannot come out of {self.beams} beams")
        if self.beams > 1 and self.draw_log_probabilities:
            raise ValueError("beams draw nothing; leave out draw_log_probabilities")
        if self.beams % self.groups:
            raise ValueError(f"{self.beams} beams cannot be shared out among {self.groups} groups")
        if not self.max_tokens_per_source and self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens {self.min_tokens} is more than max_tokens {self.max_tokens}")
        return self


class EngineSettings(Settings):
    """Limits of a batch, and the mean over several models."""

    batch_rows: int = Field(default=512, ge=1)
    """Hypotheses that are written side by side, at most; a prompt needs as many as it has beams or samples."""
    batch_tokens: int = Field(default=32_768, ge=1)
    """Positions of texts and sources that these hypotheses may have together when others join, with the padding that
    there is where prompts are read many at a time."""
    prompt_tokens: int | None = Field(default=None, ge=1)
    """Positions of prompts that are read in one step, so that texts under way need not wait for long ones; null reads
    prompts as a whole, many at a time."""
    prefix_tokens: int = Field(default=0, ge=0)
    """Positions of texts that are remembered for later ones that begin alike, of decoders; 0 keeps none."""
    speculate: int = Field(default=0, ge=0)
    """Tokens that are proposed and read at a time, which changes no text: those that followed when its end stood before
    in a text or its prompt, or a small model's; of decoders of attention alone."""
    ensemble: Literal["probability", "logarithm"] = "probability"
    """The quantity that several models average: probabilities, or their logarithms."""


class GenerationSettings(EngineSettings, SamplingSettings):
    """The options of a task that writes: both in one."""


OWN = {
    "max_tokens",
    "max_tokens_per_source",
    "min_tokens",
    "samples",
    "seed",
    "alignments",
    *EngineSettings.model_fields,
}
"""Settings that requests whose tokens are chosen together may have each of its own."""
