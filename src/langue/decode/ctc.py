"""What a recording says, of the probabilities of each of its moments: the likeliest way, or the likeliest text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEVER = float("-inf")


@dataclass(frozen=True)
class Heard:
    """A text, and when its tokens were heard.

    Attributes:
        tokens: of the text.
        positions: of each token the first position at which it was heard.
        score: log-probability, of the text (beams) or of the one way to say it.
    """

    tokens: list[int]
    positions: list[int]
    score: float


def likeliest_path(logs: Tensor, blank: int) -> Heard:
    """The likeliest token of each moment, repeats taken for one, blanks left out.

    Args:
        logs: (positions, V) log-probabilities.
        blank: the token that says nothing.
    """
    best = logs.max(-1)
    path = best.indices
    begins = torch.ones_like(path, dtype=torch.bool)
    begins[1:] = path[1:] != path[:-1]
    places = (begins & (path != blank)).nonzero().flatten()
    return Heard(path[places].tolist(), places.tolist(), float(best.values.sum()))


def prefix_beam(logs: Tensor, blank: int, beams: int, likely: float = 1e-4) -> list[Heard]:
    """The likeliest texts, best first: all ways to say a beginning are followed together (Hannun et al. 2014).

    Args:
        logs: (positions, V) log-probabilities.
        blank: the token that says nothing.
        beams: beginnings that are kept after each moment.
        likely: tokens less probable than that are not tried at a moment; 0 tries all.
    """
    floor = math.log(likely) if likely > 0 else NEVER
    # Of each beginning: log-probability of the ways that end with a blank, and of those that do not.
    kept: dict[tuple[int, ...], _Ways] = {(): _Ways(blank=0.0)}
    for moment, row in enumerate(logs.double().tolist()):
        tried = [token for token, log in enumerate(row) if log > floor and token != blank]
        found: dict[tuple[int, ...], _Ways] = {}
        for text, ways in kept.items():
            still = _Ways(ways.total + row[blank], ways.token + row[text[-1]] if text else NEVER, ways.positions)
            found.setdefault(text, _Ways()).join(still)
            for token in tried:
                # A token that comes again must have a blank before it, or it is the same one still.
                before = ways.blank if text and token == text[-1] else ways.total
                if before == NEVER:
                    continue
                new = _Ways(NEVER, before + row[token], (*ways.positions, moment))
                found.setdefault((*text, token), _Ways()).join(new)
        best = sorted(found, key=lambda text: found[text].total, reverse=True)[:beams]
        kept = {text: found[text] for text in best}
    return [Heard(list(text), list(ways.positions), ways.total) for text, ways in kept.items()]


@dataclass
class _Ways:
    """All ways to say a beginning, by what they end with, and when the likeliest of them say its tokens."""

    blank: float = NEVER
    token: float = NEVER
    positions: tuple[int, ...] = ()
    likeliest: float = NEVER

    @property
    def total(self) -> float:
        return _add(self.blank, self.token)

    def join(self, other: _Ways) -> None:
        """Take others in."""
        if other.total > self.likeliest:
            self.positions, self.likeliest = other.positions, other.total
        self.blank, self.token = _add(self.blank, other.blank), _add(self.token, other.token)


def _add(first: float, second: float) -> float:
    """log(eˣ + eʸ)."""
    if first < second:
        first, second = second, first
    return first if second == NEVER else first + math.log1p(math.exp(second - first))


def decode(logs: Tensor, lengths: Sequence[int], blank: int, beams: int) -> list[Heard]:
    """Of each row of logs (B, positions, V), as long as it is, the best text."""
    rows = [row[:length] for row, length in zip(logs.cpu(), lengths, strict=True)]
    return [likeliest_path(row, blank) if beams == 1 else prefix_beam(row, blank, beams)[0] for row in rows]
