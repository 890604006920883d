"""Settings of `distill`: the teacher that a model learns from, and what it learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from langue.objectives.teacher import Softening
from langue.recipe import PATHS, Recipe
from langue.settings import Settings

What = Literal["logits", "hidden", "texts"]


class WritingSettings(Settings):
    """The way in which a teacher writes what is to be learnt."""

    count: int = Field(default=1000, ge=1)
    """Texts that a model to generate writes; others write one for each row of the data."""
    prompt_tokens: int = Field(default=0, ge=0)
    """Tokens of the training documents' beginnings that a model to generate goes on from; 0 lets it begin itself."""
    max_tokens: int = Field(default=256, ge=1)
    """Tokens of a text of a model to generate, at most."""
    temperature: float = Field(default=1.0, ge=0)
    """Temperature at which a model to generate draws; others take what they hold for the best."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of probability whose likeliest tokens a model to generate chooses among."""
    beams: int = Field(default=4, ge=1)
    """Beginnings that a model to translate, summarize or transcribe follows at once."""
    seed: int = 0
    """Seed of what is drawn."""


class DistillSettings(Settings):
    """A teacher, and what is learnt from it."""

    teacher: Path
    """A run, a checkpoint, a model's folder (Hugging Face's too), hf:OWNER/NAME or package:NAME, trained for the same
    task."""
    what: What = "logits"
    """The lesson: the distribution over tokens or labels (logits), the direction of hidden vectors (hidden), or texts
    that the teacher writes from the data's sources, in place of people's, which may be of other tokens (texts)."""
    weight: float = Field(default=0.5, gt=0, le=1)
    """Share of the teacher in the loss, whose rest is that of the data's own targets."""
    temperature: float = Field(default=2.0, gt=0)
    """The logits of both are divided by it, so that unlikely tokens have a say (Hinton et al. 2015, section 2)."""
    top: int | None = Field(default=None, ge=1)
    """The teacher's likeliest tokens, among which alone it shares out its probability; null for all."""
    layers: dict[int, int] | None = None
    """The teacher's layer whose hidden vectors each of the student's learns, both from 1; null spreads them evenly."""
    rows: int = Field(default=1000, ge=0)
    """Rows of test data, or else of dev data, on which both are compared when the training is over; 0 for none."""
    texts: WritingSettings = WritingSettings()
    """Settings of the writing of texts."""

    def softening(self) -> Softening:
        """The numbers of the loss."""
        return Softening(self.temperature, self.weight, self.top)


class TaughtRecipe(Recipe):
    """A recipe of a task that can be learnt from a teacher."""

    paths: ClassVar[Mapping[str, tuple[str, ...]]] = {**PATHS, "distill": ("teacher",)}

    distill: DistillSettings | None = None
    """The teacher to learn from; null for none."""
