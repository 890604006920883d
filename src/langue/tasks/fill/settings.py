"""Settings of `fill`: masked language modelling."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from langue.recipe import TextRecipe
from langue.settings import Settings
from langue.tasks.distill.settings import TaughtRecipe

PairKind = Literal["none", "next", "order"]


class MaskingSettings(Settings):
    """Masked language modelling: which tokens are hidden, and what stands in their place (Devlin et al. 2019)."""

    rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are to be guessed."""
    masked: float = Field(default=0.8, ge=0, le=1)
    """Share of those that the mask stands for."""
    replaced: float = Field(default=0.1, ge=0, le=1)
    """Share of those that a random token stands for; the rest stay as they are."""
    whole_words: bool = False
    """Hide all tokens of a word or none."""
    pairs: PairKind = "none"
    """A second question about each row of two stretches: whether the second came next in the text (BERT), or whether
    they stand in their order (ALBERT)."""

    @model_validator(mode="after")
    def _shares(self) -> MaskingSettings:
        if self.masked + self.replaced > 1:
            raise ValueError(f"masked {self.masked} and replaced {self.replaced} are more than all")
        return self


class FillRecipe(TextRecipe, TaughtRecipe):
    """An encoder that learns to say which tokens were hidden."""

    unit: ClassVar[str] = "hidden tokens"
    scores: ClassVar[tuple[str, ...]] = ("accuracy",)

    task: Literal["fill"]
    """The task that the model learns."""
    masking: MaskingSettings = MaskingSettings()
    """The choice of the tokens that are hidden."""
