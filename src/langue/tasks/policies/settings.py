"""Settings of a policy: the task that its weights were trained for, which decides how it reads and writes."""

from __future__ import annotations

from typing import Any, Literal

from langue.data.settings import PairSettings
from langue.lazy import fetch
from langue.recipe import Recipe
from langue.settings import Settings
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.text import TokenizerSettings

PolicyTask = Literal["generate", "translate", "summarize", "transcribe"]


class PolicySettings(Settings):
    """The task of the policy. All of it comes with the weights that a training begins from, unless it is set."""

    task: PolicyTask | None = None
    """The task that the weights were trained for, and that they are used for afterwards."""
    pairs: PairSettings = PairSettings()
    """The lengths, tags and instruction of the sources of an encoder–decoder."""
    transcribe: TranscribeSettings = TranscribeSettings()
    """The settings of a recogniser."""
    special: bool = False
    """Let the names of special tokens in a prompt be these tokens, as in an instruct model's own form."""


class PolicyRecipe(Recipe):
    """A recipe for weights that can write already."""

    policy: PolicySettings = PolicySettings()
    """The task of the weights."""
    source_tokenizer: TokenizerSettings | None = None
    """The tokenizer of sources, where it has a vocabulary of its own."""

    def of_use(self) -> Recipe:
        """A recipe of the task that the policy is used for."""
        task = self.policy.task or "generate"
        data: dict[str, Any] = {"train": "policy"}
        fields: dict[str, Any] = {}
        if task in ("translate", "summarize"):
            data["pairs"] = self.policy.pairs
            fields["source_tokenizer"] = self.source_tokenizer
        if task == "transcribe":
            fields["transcribe"] = self.policy.transcribe
        kind = fetch(f"langue.tasks.{task}.settings:{task.capitalize()}Recipe")
        return kind(task=task, tokenizer=self.tokenizer, model=self.model, data=data, training=self.training, **fields)
