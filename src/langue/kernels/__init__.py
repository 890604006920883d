"""Hand-written kernels, each beside its plain reference, and the one table that chooses between them.

Layers call what is named here and never ask for a device, a precision, or who follows along.
"""

from langue.kernels.distillation import Teaching
from langue.kernels.dropout import drop, dropping_by, heads_of_part, of_rows, repeatable
from langue.kernels.entropy import soft_capped
from langue.kernels.low_rank import product as low_rank_product
from langue.kernels.products import multiply
from langue.kernels.recurrence import Cell
from langue.kernels.table import (
    adapted_linear,
    attention,
    attention_along_rows,
    attention_weights,
    convolve,
    convolve_apart,
    cross_entropy,
    distill,
    int8_linear,
    linear,
    log_probabilities,
    pick,
    recurrent,
    relu_squared,
    rms_norm,
    rotate,
    settled_weights,
    widened_linear,
    window_hides,
)

__all__ = [
    "Cell",
    "Teaching",
    "adapted_linear",
    "attention",
    "attention_along_rows",
    "attention_weights",
    "convolve",
    "convolve_apart",
    "cross_entropy",
    "distill",
    "drop",
    "dropping_by",
    "heads_of_part",
    "int8_linear",
    "linear",
    "log_probabilities",
    "low_rank_product",
    "multiply",
    "of_rows",
    "pick",
    "recurrent",
    "relu_squared",
    "repeatable",
    "rms_norm",
    "rotate",
    "settled_weights",
    "soft_capped",
    "widened_linear",
    "window_hides",
]
