"""The objective of `prefer`: the loss of two texts for each example, from the likelihoods of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of

import numpy as np
import torch
from torch import Tensor

from langue.batch import Batch, Example, Loss
from langue.models import Model
from langue.objectives.completions import completion_batch, text_log_probabilities
from langue.objectives.preference import PAIR_LOSSES, Likelihoods, kto
from langue.randomness import RowRandomness
from langue.tasks.prefer.data import completions_in
from langue.tasks.prefer.settings import WITH_REFERENCE, PreferSettings


@dataclass(frozen=True, kw_only=True)
class PreferenceBatch(Batch):
    """Two rows for each of B examples, one after the other.

    Attributes:
        references: (2 B,) log-probability of each row's text under the reference, in nats.
        good: (B,) bool, False where an example's first text is a bad one.
    """

    references: Tensor
    good: Tensor


class PreferObjective:
    """One loss for each example, summed.

    Args:
        settings: which loss, and how.
    """

    def __init__(self, settings: PreferSettings):
        self.kind, self.options = settings.loss, settings.options()

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> PreferenceBatch:
        """Examples with the rows of `ids`, marked by `segments`, `references` and whether the first is good."""
        rows = [row for example in examples for row in completions_in(example["ids"], example["segments"])]
        batch = completion_batch(rows, together=2)
        references = np.concatenate([example["references"] for example in examples])
        return PreferenceBatch(
            **{field.name: getattr(batch, field.name) for field in fields_of(batch)},
            references=torch.from_numpy(references).float(),
            good=torch.tensor([bool(example["target"]) for example in examples]),
        )

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over examples; what it measures are shares of examples, and means of nats."""
        assert isinstance(batch, PreferenceBatch)
        owners = torch.arange(len(batch.ids), device=batch.ids.device) // 2
        policy, lengths = text_log_probabilities(model, batch, owners)
        # Of two rows in a row, the first is the chosen one.
        first, second = (
            Likelihoods(policy[place::2], batch.references[place::2], lengths[place::2]) for place in (0, 1)
        )
        if self.kind == "kto":
            losses = kto(first, second, batch.good, self.options)
            measured = {"good_ratio": (first.ratios, batch.good), "bad_ratio": (first.ratios, ~batch.good)}
        else:
            losses = PAIR_LOSSES[self.kind](first, second, self.options)
            measured = self._measured(first, second)
        sums = {name: torch.stack([(values * where).sum(), where.sum()]) for name, (values, where) in measured.items()}
        return Loss(losses.sum(), torch.tensor(len(losses), device=losses.device), sums)

    def _measured(self, chosen: Likelihoods, rejected: Likelihoods) -> dict[str, tuple[Tensor, Tensor]]:
        """Accuracy: the share of pairs whose chosen text gained more on the reference than the rejected one, or has a
        higher likelihood a token where there is no reference; margin: how much more; and the share of pairs whose
        chosen text is likelier a token."""
        with torch.no_grad():
            held = self.kind in WITH_REFERENCE
            margins = chosen.ratios - rejected.ratios if held else chosen.means - rejected.means
            everywhere = torch.ones_like(margins)
            return {
                "accuracy": ((margins > 0).float(), everywhere),
                "margin": (margins, everywhere),
                "likelier": ((chosen.means > rejected.means).float(), everywhere),
                "chosen_ratio": (chosen.ratios, everywhere),
            }
