"""The recipe of `translate`."""

from __future__ import annotations

from typing import ClassVar, Literal

from langue.tasks.rewriting.settings import RewriteRecipe


class TranslateRecipe(RewriteRecipe):
    """An encoder–decoder that learns to translate."""

    scores: ClassVar[tuple[str, ...]] = ("bleu", "chrf", "ter")

    task: Literal["translate"]
    """The task that the model learns."""
