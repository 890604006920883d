"""Experiments: from a recipe to a run folder."""

from langue.experiment.run import Run, RunFolder
from langue.experiment.training import Training, train

__all__ = ["Run", "RunFolder", "Training", "train"]
