"""Losses of preferences between texts, as functions of what a policy and a fixed reference hold of them.

Each gives one loss for each row, in nats or a square of them; the mean over rows is the published loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Likelihoods:
    """Log-probabilities of B texts behind their prompts, in nats.

    Attributes:
        policy: (B,) of each text as a whole, under the model that learns.
        reference: (B,) the same under the model that it began as; zeros where a loss has no use for it.
        lengths: (B,) tokens of each text.
    """

    policy: Tensor
    reference: Tensor
    lengths: Tensor

    @property
    def ratios(self) -> Tensor:
        """(B,) log of the policy's probability over the reference's."""
        return self.policy - self.reference

    @property
    def means(self) -> Tensor:
        """(B,) log-probability a token."""
        return self.policy / self.lengths


@dataclass(frozen=True)
class PreferenceOptions:
    """Numbers that losses go by.

    Attributes:
        beta: how strongly the policy is held to the reference, or of losses without one how steep the loss is.
        margin: how far chosen texts are to be ahead (SimPO's γ).
        smoothing: the share of pairs that are taken to be the wrong way round (Mitchell 2023, conservative DPO).
        likelihood: the weight of the chosen text's mean negative log-probability (CPO).
        good: the weight of good texts (KTO).
        bad: the weight of bad texts (KTO).
    """

    beta: float = 0.1
    margin: float = 1.0
    smoothing: float = 0.0
    likelihood: float = 1.0
    good: float = 1.0
    bad: float = 1.0


PairLoss = Callable[[Likelihoods, Likelihoods, PreferenceOptions], Tensor]
"""From chosen and rejected texts to (B,) losses."""


def dpo(chosen: Likelihoods, rejected: Likelihoods, options: PreferenceOptions) -> Tensor:
    """Direct preference optimisation (Rafailov et al. 2023, equation 7)."""
    return _logistic(options.beta * (chosen.ratios - rejected.ratios), options.smoothing)


def ipo(chosen: Likelihoods, rejected: Likelihoods, options: PreferenceOptions) -> Tensor:
    """Identity preference optimisation (Azar et al. 2023, equation 17), of ratios a token as its authors compute it."""
    ahead = chosen.ratios / chosen.lengths - rejected.ratios / rejected.lengths
    return (ahead - 1 / (2 * options.beta)) ** 2


def orpo(chosen: Likelihoods, rejected: Likelihoods, options: PreferenceOptions) -> Tensor:
    """Odds ratio preference optimisation (Hong et al. 2024, equations 4, 6 and 7)."""
    odds = (chosen.means - _log_one_minus_exp(chosen.means)) - (rejected.means - _log_one_minus_exp(rejected.means))
    return -chosen.means - options.beta * F.logsigmoid(odds)


def simpo(chosen: Likelihoods, rejected: Likelihoods, options: PreferenceOptions) -> Tensor:
    """Simple preference optimisation (Meng et al. 2024, equation 6)."""
    return _logistic(options.beta * (chosen.means - rejected.means) - options.margin, options.smoothing)


def cpo(chosen: Likelihoods, rejected: Likelihoods, options: PreferenceOptions) -> Tensor:
    """Contrastive preference optimisation (Xu et al. 2024, equations 3 to 5)."""
    contrast = _logistic(options.beta * (chosen.policy - rejected.policy), options.smoothing)
    return contrast - options.likelihood * chosen.means


def kto(texts: Likelihoods, mismatched: Likelihoods, good: Tensor, options: PreferenceOptions) -> Tensor:
    """Kahneman–Tversky optimisation (Ethayarajh et al. 2024, equation 8).

    Args:
        texts: of B texts, each good or bad.
        mismatched: of as many texts behind prompts of others, by which it is estimated how far the policy has gone from
            the reference.
        good: (B,) bool.
        options: of which beta and the weights count.
    """
    distance = mismatched.ratios.detach().mean().clamp(min=0)
    ahead = options.beta * torch.where(good, texts.ratios - distance, distance - texts.ratios)
    weights = torch.where(good, options.good, options.bad)
    return weights * (1 - torch.sigmoid(ahead))


PAIR_LOSSES: Mapping[str, PairLoss] = {"dpo": dpo, "ipo": ipo, "orpo": orpo, "simpo": simpo, "cpo": cpo}


def _logistic(ahead: Tensor, smoothing: float) -> Tensor:
    return -F.logsigmoid(ahead) * (1 - smoothing) - F.logsigmoid(-ahead) * smoothing


def _log_one_minus_exp(logs: Tensor) -> Tensor:
    """log(1 − e^x) of x below 0, exact near 0 and far from it (Mächler 2012)."""
    logs = logs.clamp(max=-torch.finfo(logs.dtype).tiny)
    near = logs > -0.6931471805599453
    # Either branch is computed for all, and a gradient of infinity times zero would be none.
    inner = torch.log(-torch.expm1(torch.where(near, logs, -1.0)))
    outer = torch.log1p(-torch.exp(torch.where(near, -1.0, logs)))
    return torch.where(near, inner, outer)
