"""The recipe of `summarize`."""

from __future__ import annotations

from typing import ClassVar, Literal

from langue.tasks.rewriting.settings import RewriteRecipe


class SummarizeRecipe(RewriteRecipe):
    """An encoder–decoder that learns to tell texts in short."""

    scores: ClassVar[tuple[str, ...]] = ("rouge_l", "rouge_1", "rouge_2")

    task: Literal["summarize"]
    """The task that the model learns."""
