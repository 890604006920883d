"""The objective of `play`: the loss of texts that were drawn and rewarded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from langue.batch import IGNORE, Batch, Loss
from langue.models import Model
from langue.objectives.completions import target_log_probabilities
from langue.objectives.policy import LOSSES, Drawn, PolicyOptions, divergence, minimum_risk
from langue.tasks.play.settings import PlaySettings
from langue.tasks.transcribe.ctc_objective import CTCObjective, ctc_losses


@dataclass(frozen=True, kw_only=True)
class PolicyBatch(Batch):
    """Rows (B, T) of texts that a policy drew.

    Attributes:
        drawn: (B, T) log-probability of each target when it was drawn, in nats.
        reference: (B, T) the same under the weights that the training began from; None without a divergence.
        advantages: (B,) of each text.
        rewards: (B,) of each text's episode.
        groups: (B,) number of each text's group.
        owners: (B,) number of each text's source, which its group has in common; None where there are none.
        distinct: (B,) bool, False of a text that stands in its group already.
        idle: (groups,) bool, True where all rewards are the same.
        cut: (B,) bool, True of a text that did not end by itself.
        failed: scalar, the share of episodes whose environment failed, which have no text here.
    """

    drawn: Tensor
    reference: Tensor | None = None
    advantages: Tensor
    rewards: Tensor
    groups: Tensor
    owners: Tensor | None = None
    distinct: Tensor
    idle: Tensor
    cut: Tensor
    failed: Tensor

    def texts(self, numbers: Tensor) -> PolicyBatch:
        """Some of the texts, with their sources; groups stay as they are."""
        rows = ("ids", "targets", "valid", "drawn", "reference", "advantages", "rewards", "groups", "distinct", "cut")
        chosen = {name: None if (x := getattr(self, name)) is None else x[numbers] for name in rows}
        if self.owners is not None:
            sources, chosen["owners"] = self.owners[numbers].unique(return_inverse=True)
            for name in ("source", "source_valid"):
                chosen[name] = None if (x := getattr(self, name)) is None else x[sources]
        return replace(self, **chosen)


Likelihood = Callable[[Model, PolicyBatch], Tensor]
"""(B, T) log-probability of each target of a batch under the policy, and 0 where there is none."""


def by_tokens(temperature: float, suppressed: Tensor) -> Likelihood:
    """The likelihood of what is drawn token by token.

    Args:
        temperature: of drawing.
        suppressed: tokens that are never drawn.
    """

    def likelihood(model: Model, batch: PolicyBatch) -> Tensor:
        never = suppressed.to(batch.ids.device)
        return target_log_probabilities(model, batch, batch.owners, temperature=temperature, suppressed=never)

    return likelihood


def by_alignments(temperature: float, objective: CTCObjective) -> Likelihood:
    """The likelihood of what is drawn along a recording, which is that of all ways to say it; it stands at the ending
    token, since no other has one of its own.

    Args:
        temperature: of drawing.
        objective: of CTC.
    """

    def likelihood(model: Model, batch: PolicyBatch) -> Tensor:
        assert batch.source is not None
        assert batch.targets is not None
        assert batch.owners is not None
        nothing = batch.ids.new_zeros(len(batch.source), 0)
        heard = Batch(nothing, source=batch.source, source_valid=batch.source_valid)
        logs = (objective.log_probabilities(model, heard) / temperature).log_softmax(-1)
        own = batch.targets != IGNORE
        last = own.sum(1, keepdim=True) - 1
        texts = batch.targets.scatter(1, last, IGNORE)
        lengths = objective.lengths(heard)[batch.owners]
        losses = ctc_losses(logs[batch.owners], lengths, texts, objective.blank)
        return logs.new_zeros(own.shape).scatter(1, last, -losses[:, None])

    return likelihood


class PlayObjective:
    """The loss of an algorithm.

    Args:
        settings: which one, and how.
        log_probabilities: of the policy.
    """

    def __init__(self, settings: PlaySettings, log_probabilities: Likelihood):
        self.settings, self.log_probabilities = settings, log_probabilities
        self.options = PolicyOptions(settings.clip, settings.max_tokens)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over texts, or over groups of minimum risk. The gradient of a group whose rewards are all the same is
        zero to the bit, by whatever its texts are."""
        assert isinstance(batch, PolicyBatch)
        assert batch.targets is not None
        settings, teaching = self.settings, self._teaching(model, batch)
        logs = self._log_probabilities(model, batch, teaching)
        texts = Drawn(logs, batch.drawn, batch.targets != IGNORE, batch.advantages)
        measured = self._measured(texts, batch, teaching)
        if settings.algorithm == "minimum-risk":
            chosen = batch.distinct
            risks = minimum_risk(
                logs.sum(1)[chosen], batch.advantages[chosen], batch.groups[chosen], len(batch.idle), settings.sharpness
            )
            total, count = risks.sum(), torch.tensor(len(batch.idle), device=logs.device)
        else:
            loss = LOSSES[settings.algorithm](texts, self.options)
            total, count = loss.losses.sum(), torch.tensor(len(logs), device=logs.device)
            clipped = loss.clipped.expand_as(texts.own) & texts.own
            measured["clipped"] = torch.stack([clipped.sum(), texts.own.sum()])
        if batch.reference is not None:
            away = divergence(logs, batch.reference, texts.own)
            share = count / len(logs)
            total = total + settings.kl * share * (away.sum(1) / texts.lengths).sum()
            measured["kl"] = torch.stack([away.sum().detach(), texts.own.sum()])
        return Loss(total, count, measured)

    def _teaching(self, model: Model, batch: PolicyBatch) -> Tensor:
        """(B,) bool, False of texts whose gradient is zero: nothing is gained or lost by them. One is True at least, so
        that every process has a gradient to add up."""
        if batch.reference is not None or (model.training and model.config.dropout):  # which rows' numbers decide
            return torch.ones_like(batch.cut)
        risk = self.settings.algorithm == "minimum-risk"
        teaching = ~batch.idle[batch.groups] if risk else batch.advantages != 0
        teaching[0] |= ~teaching.any()
        return teaching

    def _log_probabilities(self, model: Model, batch: PolicyBatch, teaching: Tensor) -> Tensor:
        """(B, T) log-probability of each target now; of texts that teach nothing, that which it was drawn with."""
        if teaching.all():
            return self.log_probabilities(model, batch)
        numbers = teaching.nonzero()[:, 0]
        logs = self.log_probabilities(model, batch.texts(numbers))
        return batch.drawn.to(logs.dtype).index_copy(0, numbers, logs)

    def _measured(self, texts: Drawn, batch: PolicyBatch, teaching: Tensor) -> dict[str, Tensor]:
        """Metrics beside the loss: sums, and over how many texts, tokens or groups each goes.

        The entropy is estimated by what was drawn; the drift is how far the log-probability that a token was drawn with
        lies from what it has now, of texts that teach something.
        """
        rows, tokens = texts.own.new_ones(len(texts.own)).sum(), texts.own.sum()
        sums = {
            "reward": (batch.rewards.sum(), rows),
            "length": (tokens, rows),
            "truncated": (batch.cut.sum(), rows),
            "failed": (batch.failed, torch.ones_like(batch.failed)),
            "idle_groups": (batch.idle.sum(), batch.idle.new_ones(len(batch.idle)).sum()),
            "entropy": (-batch.drawn.sum(), tokens),
            "drift": (texts.ratios.detach().abs().sum(), texts.own[teaching].sum()),
        }
        return {name: torch.stack([total.to(texts.logs.dtype), count]) for name, (total, count) in sums.items()}
