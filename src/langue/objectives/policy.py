"""Losses by which a policy learns from rewards, as functions of the log-probabilities of the tokens that it drew.

Each gives one loss for each text; its gradient, where the policy is still the one that drew, is that of the expected
reward with its sign turned, times what the algorithm's own normalisation makes of it. B texts of T positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

SPREAD = 1e-4
"""Added to the standard deviation of a group's rewards, as DeepSeekMath's successors do."""


@dataclass(frozen=True)
class Drawn:
    """Texts that a policy drew, and what it holds of them now.

    Attributes:
        logs: (B, T) log-probability of each token under the policy that learns, in nats; 0 where it drew none.
        drawn: (B, T) the same when it was drawn.
        own: (B, T) bool, True at the tokens that the policy drew.
        advantages: (B,) of each text.
    """

    logs: Tensor
    drawn: Tensor
    own: Tensor
    advantages: Tensor

    @property
    def lengths(self) -> Tensor:
        """(B,) tokens that the policy drew, at least 1."""
        return self.own.sum(1).clamp(min=1)

    @property
    def ratios(self) -> Tensor:
        """(B, T) log of a token's probability now over what it was drawn with."""
        return (self.logs - self.drawn).where(self.own, 0.0)


class PolicyOptions(NamedTuple):
    """Numbers that losses go by.

    Attributes:
        clip: how far a ratio may be from 1 before it teaches nothing more.
        max_tokens: tokens of a text at most.
    """

    clip: float = 0.2
    max_tokens: int = 200


class PolicyLoss(NamedTuple):
    """Losses of texts.

    Attributes:
        losses: (B,), whose gradients learn.
        clipped: (B, T) or (B, 1) bool, True where a ratio was clipped.
    """

    losses: Tensor
    clipped: Tensor


def reinforce(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """The score function (Williams 1992): unbiased, of the policy that drew."""
    losses = -texts.advantages * texts.logs.where(texts.own, 0.0).sum(1)
    return PolicyLoss(losses, torch.zeros_like(losses, dtype=torch.bool)[:, None])


def rloo(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """REINFORCE leave-one-out by the ratio of whole texts, clipped (Ahmadian et al. 2024; Schulman et al. 2017)."""
    losses, clipped = _clipped(texts.ratios.sum(1, keepdim=True), texts.advantages, options.clip)
    return PolicyLoss(losses[:, 0], clipped)


def grpo(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """Group relative policy optimisation: the mean over a text's tokens (Shao et al. 2024, equation 3)."""
    losses, clipped = _clipped(texts.ratios, texts.advantages, options.clip)
    return PolicyLoss((losses * texts.own).sum(1) / texts.lengths, clipped & texts.own)


def dr_grpo(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """GRPO done right: the sum over a text's tokens, over a constant (Liu et al. 2025, section 3.2)."""
    losses, clipped = _clipped(texts.ratios, texts.advantages, options.clip)
    return PolicyLoss((losses * texts.own).sum(1) / options.max_tokens, clipped & texts.own)


def gspo(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """Group sequence policy optimisation: one ratio a text, of the mean of its tokens (Zheng et al. 2025, eq. 5)."""
    ratio = texts.ratios.sum(1, keepdim=True) / texts.lengths[:, None]
    losses, clipped = _clipped(ratio, texts.advantages, options.clip)
    return PolicyLoss(losses[:, 0], clipped)


def ppo_clip(texts: Drawn, options: PolicyOptions) -> PolicyLoss:
    """PPO's clipped surrogate summed over tokens, with the group's mean for a critic (Schulman et al. 2017, eq. 7)."""
    losses, clipped = _clipped(texts.ratios, texts.advantages, options.clip)
    return PolicyLoss((losses * texts.own).sum(1), clipped & texts.own)


LOSSES: Mapping[str, Callable[[Drawn, PolicyOptions], PolicyLoss]] = {
    "grpo": grpo,
    "dr-grpo": dr_grpo,
    "gspo": gspo,
    "rloo": rloo,
    "reinforce": reinforce,
    "ppo-clip": ppo_clip,
}


def _clipped(logs: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """The pessimistic one of a ratio and its clipped value, times the advantage, with its sign turned."""
    ratios, gains = logs.exp(), advantages[:, None]
    bounded = ratios.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratios * gains, bounded * gains), bounded * gains < ratios * gains


def minimum_risk(logs: Tensor, rewards: Tensor, groups: Tensor, count: int, sharpness: float) -> Tensor:
    """Minimum risk training: minus the expected reward among the texts of a group, of which each should stand there
    once (Shen et al. 2016, equation 12).

    Args:
        logs: (B,) log-probability of each text.
        rewards: (B,).
        groups: (B,) number of each one's group, below `count`.
        count: groups.
        sharpness: the power to which probabilities are raised (α).

    Returns:
        (count,), 0 of a group without a text.
    """
    scores = sharpness * logs
    highest = scores.new_full((count,), -torch.inf).scatter_reduce(0, groups, scores.detach(), "amax")
    powers = (scores - highest[groups]).exp()
    sums = powers.new_zeros(count).index_add(0, groups, powers)
    return powers.new_zeros(count).index_add(0, groups, -rewards * powers / sums[groups])


def advantages_of(algorithm: str, rewards: Tensor, groups: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Advantages of texts among those of their group.

    Args:
        algorithm: of `LOSSES`.
        rewards: (B,) in float64.
        groups: (B,) number of each one's group, below `count`.
        count: groups.

    Returns:
        (B,) advantages; and (count,) bool, True of a group that has texts, and all of the same reward.
    """
    sizes = rewards.new_zeros(count).index_add(0, groups, torch.ones_like(rewards))
    means = rewards.new_zeros(count).index_add(0, groups, rewards) / sizes.clamp(min=1)
    ahead = rewards - means[groups]
    least, most = (
        rewards.new_full((count,), start).scatter_reduce(0, groups, rewards, kind)
        for start, kind in ((torch.inf, "amin"), (-torch.inf, "amax"))
    )
    idle = (least == most) & (sizes > 0)
    ahead = ahead.where(~idle[groups], 0.0)  # a mean of equal numbers may differ from them in its last bit
    if algorithm == "reinforce":
        return rewards, torch.zeros_like(idle)
    if algorithm == "rloo":
        others = (sizes - 1).clamp(min=1)
        return ahead * (sizes / others)[groups], idle
    if algorithm in ("grpo", "gspo"):
        squares = rewards.new_zeros(count).index_add(0, groups, ahead**2)
        deviations = (squares / (sizes - 1).clamp(min=1)).sqrt()
        return ahead / (deviations + SPREAD)[groups], idle
    return ahead, idle


def divergence(logs: Tensor, reference: Tensor, own: Tensor) -> Tensor:
    """(B, T) an estimate of the divergence of the policy from a reference at each token that it drew, in nats: never
    below 0 (Schulman 2020, "Approximating KL divergence", k3)."""
    ratio = (reference - logs).where(own, 0.0)
    return ratio.exp() - ratio - 1
