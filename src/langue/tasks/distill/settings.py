"""Settings of `distill`: the teacher that a model learns from, and what it learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from langue.objectives.teacher import Softening
from langue.recipe import PATHS, Recipe
from langue.settings import Settings

What = Literal["logits"]


class DistillSettings(Settings):
    """A teacher, and what is learnt from it."""

    teacher: Path
    """A run, a checkpoint, a model's folder (Hugging Face's too) or hf:OWNER/NAME, trained for the same task."""
    what: What = "logits"
    """The lesson: the distribution over tokens or labels (logits)."""
    weight: float = Field(default=0.5, gt=0, le=1)
    """Share of the teacher in the loss, whose rest is that of the data's own targets."""
    temperature: float = Field(default=2.0, gt=0)
    """The logits of both are divided by it, so that unlikely tokens have a say (Hinton et al. 2015, section 2)."""
    top: int | None = Field(default=None, ge=1)
    """The teacher's likeliest tokens, among which alone it shares out its probability; null for all."""

    def softening(self) -> Softening:
        """The numbers of the loss."""
        return Softening(self.temperature, self.weight, self.top)


class TaughtRecipe(Recipe):
    """A recipe of a task that can be learnt from a teacher."""

    paths: ClassVar[Mapping[str, tuple[str, ...]]] = {**PATHS, "distill": ("teacher",)}

    distill: DistillSettings | None = None
    """The teacher to learn from; null for none."""
