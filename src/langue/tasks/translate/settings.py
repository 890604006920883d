"""The recipe of `translate`."""

from __future__ import annotations

from typing import Literal

from langue.tasks.rewriting.settings import RewriteRecipe


class TranslateRecipe(RewriteRecipe):
    """An encoder–decoder that learns to translate."""

    task: Literal["translate"]
    """The task that the model learns."""
