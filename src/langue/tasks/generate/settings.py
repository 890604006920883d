"""The recipe of `generate`."""

from __future__ import annotations

from typing import Literal

from langue.recipe import TextRecipe
from langue.tasks.distill.settings import TaughtRecipe


class GenerateRecipe(TextRecipe, TaughtRecipe):
    """A decoder that learns to continue texts."""

    task: Literal["generate"]
    """The task that the model learns."""
