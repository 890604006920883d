"""Pruning: a model without those of its heads, channels and layers that add least on a calibration text."""

from langue.pruning.keep import Keep, read_keep
from langue.pruning.prune import prune

__all__ = ["Keep", "prune", "read_keep"]
