"""Models whose output is no number: said in one sentence, lest something be chosen from it all the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from langue.errors import LangueError


def refuse_not_finite(numbers: Tensor | np.ndarray) -> None:
    """Refuse what a model with damaged weights says, from which nothing can be chosen.

    Args:
        numbers: few scores, on the CPU; −inf is what was ruled out.

    Raises:
        LangueError: one is no number, or infinite.
    """
    if not bool((torch.as_tensor(numbers) < torch.inf).all()):
        raise LangueError(
            "the model's output is not finite (NaN or infinity), so nothing can be chosen from it: its weights are "
            "damaged, or too large for their precision; try another checkpoint, or dtype float32"
        )
