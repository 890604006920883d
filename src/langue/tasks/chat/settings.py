"""The recipe of `chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from langue.recipe import PATHS, Recipe, TableRecipe
from langue.settings import Settings
from langue.tasks.generate.settings import GenerateRecipe


class ChatSettings(Settings):
    """The form of conversations."""

    template: str | None = None
    """A file with a chat template in Jinja; null takes the one that the tokenizer brings, or a plain one."""


class ChatRecipe(TableRecipe):
    """A decoder that learns what the assistant says in conversations."""

    paths: ClassVar[Mapping[str, tuple[str, ...]]] = {**PATHS, "chat": ("template",)}
    unit: ClassVar[str] = "tokens"

    task: Literal["chat"]
    """The task that the model learns."""
    chat: ChatSettings = ChatSettings()
    """The way in which conversations are written."""

    def of_use(self) -> Recipe:
        """A recipe of text generation, which the model is used for."""
        data = {"train": "conversations"}
        return GenerateRecipe(
            task="generate", tokenizer=self.tokenizer, model=self.model, data=data, training=self.training
        )
