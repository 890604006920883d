"""Settings of `denoise`: texts with something amiss."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from langue.recipe import TextRecipe
from langue.settings import Settings

DenoiseKind = Literal["spans", "prefix", "infill"]


class DenoiseSettings(Settings):
    """The noise in a text that an encoder–decoder learns to mend."""

    kind: DenoiseKind = "spans"
    """Stretches replaced by sentinels, which alone are to be told (T5); the rest of a text cut in two; or stretches
    replaced by one mask each, where all is to be told (BART)."""
    rate: float | None = Field(default=None, gt=0, lt=1)
    """Share of the tokens that is dropped; null takes 0.15 of T5 or 0.3 of BART."""
    mean_span: float = Field(default=3.0, ge=1)
    """Mean length of a dropped stretch."""
    sentinels: int = Field(default=100, ge=1)
    """The number of sentinels; rows with more stretches get longer ones."""
    permute: bool = False
    """Put sentences into another order as well (infill)."""

    @property
    def resolved_rate(self) -> float:
        return self.rate or (0.3 if self.kind == "infill" else 0.15)


class DenoiseRecipe(TextRecipe):
    """An encoder–decoder that learns to mend texts."""

    task: Literal["denoise"]
    """The task that the model learns."""
    denoise: DenoiseSettings = DenoiseSettings()
    """The noise."""
