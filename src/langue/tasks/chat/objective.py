"""The objective of `chat`: at each position of the assistant's, say which token comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from langue.batch import IGNORE, Batch, Example
from langue.objectives import Causal
from langue.randomness import RowRandomness


class AssistantObjective(Causal):
    """Causal language modelling of the assistant's tokens alone, the one that ends its turn included; all others are
    read."""

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """As `Causal`, of rows that have `learnt` (T + 1,) bool too."""
        batch = super().batch(examples, rng)
        assert batch.targets is not None
        learnt = torch.from_numpy(np.stack([example["learnt"] for example in examples]))[:, 1:]
        return replace(batch, targets=batch.targets.where(learnt, IGNORE))
