"""Settings of `play`: an environment, and how a policy learns in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from langue.data.settings import DataSettings
from langue.recipe import PATHS, Measure
from langue.settings import Settings
from langue.tasks.policies.settings import PolicyRecipe

AlgorithmName = Literal["grpo", "dr-grpo", "gspo", "rloo", "reinforce", "ppo-clip", "minimum-risk"]

ON_POLICY = ("reinforce", "minimum-risk")
"""Algorithms that learn from what the policy of the same step drew alone."""


class PlaySettings(Settings):
    """An environment, and the algorithm by which a policy learns from its rewards."""

    environment: Any
    """The environment: a name such as `reasoning-gym:chain_sum`, or a mapping of its name and settings, such as
    {name: Langue/Translate-v0, data: train.tsv}."""
    dev: Any = None
    """The environment that the policy is measured in; null takes other episodes of the same."""
    reward: Any = None
    """The environment's reward or verifier, for those that have one, beside what the environment says."""
    algorithm: AlgorithmName = "grpo"
    """The loss: grpo, dr-grpo, gspo, rloo and ppo-clip hold a text against the others of its group, reinforce learns
    from its reward as it is, minimum-risk from the expected reward among the texts of a group."""
    group: int = Field(default=8, ge=1)
    """Texts for each prompt."""
    kl: float = Field(default=0.0, ge=0)
    """Weight of the divergence from the weights that the training began from."""
    epochs: int = Field(default=1, ge=1)
    """Steps that learn from the same texts."""
    clip: float = Field(default=0.2, gt=0, lt=1)
    """The share by which a ratio of probabilities may leave 1."""
    sharpness: float = Field(default=0.05, gt=0)
    """The power of probabilities among the texts of a group (minimum-risk)."""
    temperature: float = Field(default=1.0, gt=0)
    """Temperature of drawing; the policy that learns is the one of this temperature."""
    max_tokens: int = Field(default=64, ge=1)
    """Tokens of a text, or of one turn, at most."""
    max_turns: int | None = Field(default=None, ge=1)
    """Turns of an episode at most; null goes by the environment."""
    episodes: int = Field(default=64, ge=0)
    """Episodes that the policy is measured in, always the same and with the likeliest tokens; 0 measures nothing."""

    @model_validator(mode="after")
    def _consistent(self) -> PlaySettings:
        if self.algorithm in ON_POLICY and self.epochs > 1:
            raise ValueError(f"{self.algorithm} learns from what the same policy drew; set epochs to 1")
        if self.algorithm != "reinforce" and self.group < 2:
            raise ValueError(f"{self.algorithm} holds the texts of a group against each other; set group to 2 or more")
        return self


ENVIRONMENT_PATHS: Mapping[str, tuple[str, ...]] = {
    "": ("data", "prompts", "tokenizer"),
    "reward": ("embedder",),
    "verifier": ("path",),
}
"""The settings of an environment that name files, by section."""

_IN_RECIPES = {
    ".".join(filter(None, ["play", place, section])): names
    for place in ("environment", "dev")
    for section, names in ENVIRONMENT_PATHS.items()
}

MEASURES: Mapping[str, Measure] = {
    "reward": Measure("Reward", "the mean of what was drawn; on dev, of the likeliest texts"),
    "length": Measure("Length", "tokens of a text"),
    "entropy": Measure("Entropy", "how undecided the policy is, in nats a token; near 0 it tries nothing new any more"),
    "truncated": Measure("Truncated texts", "the share that did not end by themselves"),
    "failed": Measure("Failed episodes", "the share that the environment did not bring to an end"),
    "idle_groups": Measure("Idle groups", "the share of prompts whose texts all earned the same, which teach nothing"),
    "clipped": Measure("Clipped", "the share of tokens whose probability has moved too far to go on learning from"),
    "kl": Measure("Divergence", "from the weights that it began from, in nats a token"),
    "drift": Measure("Drift", "between a token's log-probability when drawn and when learnt from, in nats"),
}


class PlayDataSettings(DataSettings):
    """No data of its own: episodes come from the environment."""

    train: str = ""
    """The name of the environment, which has the data; it need not be given."""


class PlayRecipe(PolicyRecipe):
    """A model that writes, and learns from rewards."""

    paths: ClassVar = {**PATHS, **_IN_RECIPES, "play.reward": ("embedder", "path")}
    unit: ClassVar[str] = "texts"
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    scores: ClassVar[tuple[str, ...]] = ("reward",)

    task: Literal["play"]
    """The task that the model learns."""
    data: PlayDataSettings = PlayDataSettings()  # type: ignore[assignment]
    """Nothing that has to be given."""
    play: PlaySettings
    """The environment and the algorithm."""
