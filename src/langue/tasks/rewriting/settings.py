"""The recipe of tasks that learn from pairs of texts."""

from __future__ import annotations

from langue.recipe import PairRecipe
from langue.tasks.distill.settings import TaughtRecipe


class RewriteRecipe(PairRecipe, TaughtRecipe):
    """An encoder–decoder that learns from pairs of texts."""
