"""Objectives: how examples become a batch, and a batch a loss."""

from langue.objectives.causal import Causal
from langue.objectives.cross_entropy import linear_cross_entropy

__all__ = ["Causal", "linear_cross_entropy"]
