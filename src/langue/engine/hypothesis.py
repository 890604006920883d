"""Hypotheses, and their ranks: log-probability, length, and how much of the source was looked at."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from langue.engine.settings import SamplingSettings


@dataclass(frozen=True)
class Hypothesis:
    """One text that was written.

    Attributes:
        tokens: without the prompt and without the token that ended it.
        score: sum of the model's log-probabilities, of the ending token as well. What filters rule out lowers nobody's
            score; a repetition penalty counts in a beam's.
        end: the ending token that was chosen, or None where the room was used up.
        rank: what it was compared by.
        log_probabilities: of each token, the ending one as well.
        alignment: (tokens, S) how much each token, the ending one as well, looked at each source position: the mean
            over heads and blocks. None unless it was asked for.
        draw_log_probabilities: of each token, as it was drawn: after temperature, filters and processors. None unless
            it was asked for.
    """

    tokens: list[int]
    score: float
    end: int | None
    rank: float
    log_probabilities: list[float]
    alignment: Tensor | None = None
    draw_log_probabilities: list[float] | None = None

    @property
    def written(self) -> list[int]:
        """The tokens with the one that ended them."""
        return self.tokens if self.end is None else [*self.tokens, self.end]

    @property
    def ended(self) -> bool:
        """True if an ending token was chosen, rather than the room used up."""
        return self.end is not None


def length_norm(length: int, settings: SamplingSettings) -> float:
    """((offset + length) / (offset + 1))^power: Wu et al. 2016, equation 14, with their offset of 5 or another."""
    offset = settings.length_offset
    return ((offset + max(1, length)) / (offset + 1)) ** settings.length_penalty


def coverage(looks: Tensor) -> float:
    """Σ_source log(min(Σ_target look, 1)) of (T, S) looks, S without padding: Wu et al. 2016, equation 14."""
    # A position that was never looked at at all must not end the comparison with −inf.
    return float(looks.double().sum(0).clamp(1e-10, 1.0).log().sum())


def rank(score: float, length: int, attention: Tensor | None, settings: SamplingSettings) -> float:
    """score / length norm + coverage penalty (Wu et al. 2016, section 7)."""
    value = score / length_norm(length, settings)
    if settings.coverage_penalty and attention is not None:
        value += settings.coverage_penalty * coverage(attention)
    return value
