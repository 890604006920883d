"""Settings of `prefer`: texts that are preferred to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from langue.objectives.preference import PreferenceOptions
from langue.recipe import Measure, TableRecipe
from langue.settings import Settings
from langue.tasks.policies.settings import PolicyRecipe

PreferenceLoss = Literal["dpo", "ipo", "kto", "orpo", "simpo", "cpo"]

WITH_REFERENCE = ("dpo", "ipo", "kto")
"""Losses that hold the policy to the weights that it began from."""

USUAL_BETA: Mapping[str, float] = {"simpo": 2.0}
"""β of the losses' papers, where it is not 0.1."""


class PreferSettings(Settings):
    """The loss that texts are preferred by."""

    loss: PreferenceLoss = "dpo"
    """The loss: dpo and ipo of pairs, kto of single texts that are good or bad, which hold the policy to the weights
    that it began from; orpo, simpo and cpo of pairs, which do not."""
    beta: float | None = Field(default=None, gt=0)
    """Strength of the hold, or the steepness of losses without one; null takes 0.1, of simpo 2."""
    margin: float = Field(default=1.0, ge=0)
    """The margin by which chosen texts are to be ahead (simpo)."""
    smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """The share of pairs that are taken to be the wrong way round (dpo, simpo and cpo)."""
    likelihood: float = Field(default=1.0, ge=0)
    """Weight of the chosen text's own likelihood (cpo)."""
    good: float = Field(default=1.0, gt=0)
    """Weight of good texts (kto)."""
    bad: float = Field(default=1.0, gt=0)
    """Weight of bad texts (kto)."""

    def options(self) -> PreferenceOptions:
        """The numbers of the loss."""
        usual = USUAL_BETA.get(self.loss, 0.1)
        return PreferenceOptions(self.beta or usual, self.margin, self.smoothing, self.likelihood, self.good, self.bad)


MEASURES: Mapping[str, Measure] = {
    "accuracy": Measure("Accuracy", "the share of pairs of which the chosen text gained more than the rejected one"),
    "margin": Measure("Margin", "how much more the chosen text gained than the rejected one, in nats"),
    "likelier": Measure("Likelier", "the share of pairs whose chosen text is the likelier one, by the token"),
    "chosen_ratio": Measure("Chosen texts", "how much they gained on the weights that it began from, in nats"),
    "good_ratio": Measure("Good texts", "how much they gained on the weights that it began from, in nats"),
    "bad_ratio": Measure("Bad texts", "how much they gained on the weights that it began from, in nats"),
    "loss": Measure("Loss", "of a pair or a text"),
}


class PreferRecipe(TableRecipe, PolicyRecipe):
    """A model that writes, and learns which of its texts are preferred."""

    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    scores: ClassVar[tuple[str, ...]] = ("accuracy",)

    task: Literal["prefer"]
    """The task that the model learns."""
    prefer: PreferSettings = PreferSettings()
    """The loss."""
