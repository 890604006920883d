"""The recipe of `summarize`."""

from __future__ import annotations

from typing import Literal

from langue.tasks.rewriting.settings import RewriteRecipe


class SummarizeRecipe(RewriteRecipe):
    """An encoder–decoder that learns to tell texts in short."""

    task: Literal["summarize"]
    """The task that the model learns."""
