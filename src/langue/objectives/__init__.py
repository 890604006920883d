"""Objectives that several tasks share: how examples become a batch, and a batch a loss."""

from langue.objectives.causal import Causal
from langue.objectives.cross_entropy import linear_cross_entropy, log_probabilities
from langue.objectives.seq2seq import Seq2SeqObjective

__all__ = ["Causal", "Seq2SeqObjective", "linear_cross_entropy", "log_probabilities"]
