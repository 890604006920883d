"""The recipe of `summarize`."""

from __future__ import annotations

from typing import Literal

from langue.recipe import PairRecipe


class SummarizeRecipe(PairRecipe):
    """An encoder–decoder that learns to tell texts in short."""

    task: Literal["summarize"]
    """The task that the model learns."""
