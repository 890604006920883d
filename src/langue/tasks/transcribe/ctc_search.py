"""CTC decoding: from the probabilities of each moment to the likeliest path, or the likeliest text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEVER = float("-inf")


@dataclass(frozen=True)
class SpelledText:
    """A text, and when its tokens were heard.

    Attributes:
        tokens: of the text.
        positions: of each token the first position at which it was heard.
        score: log-probability, of the text (beams) or of the one way to say it; what a language model adds is in it.
    """

    tokens: list[int]
    positions: list[int]
    score: float


def likeliest_path(logs: Tensor, blank: int) -> SpelledText:
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
    return SpelledText(path[places].tolist(), places.tolist(), float(best.values.sum()))


Writer = Callable[[Sequence[tuple[int, ...]]], Tensor]
"""Texts (T) → (T, V) log-probabilities of the token that a language model expects after each."""


@dataclass(frozen=True)
class Fusion:
    """A language model that has a say in what is heard (shallow fusion, Gülçehre et al. 2015; Hannun et al. 2014).

    Attributes:
        writer: the model, of the same tokens.
        weight: how much its log-probabilities count beside what is heard.
        bonus: what each token earns, lest short texts win.
        end: the token that ends a text.
    """

    writer: Writer
    weight: float
    bonus: float
    end: int


def prefix_beam(
    logs: Tensor, blank: int, beams: int, likely: float = 1e-4, fusion: Fusion | None = None
) -> list[SpelledText]:
    """The likeliest texts, best first: all ways to say a beginning are followed together (Hannun et al. 2014).

    Args:
        logs: (positions, V) log-probabilities.
        blank: the token that says nothing.
        beams: beginnings that are kept after each moment.
        likely: tokens less probable than that are not tried at a moment; 0 tries all.
        fusion: a language model, whose score of a text is added to that of what is heard.
    """
    fused = _FusionScores(fusion)
    floor = math.log(likely) if likely > 0 else NEVER
    # Of each beginning: log-probability of the ways that end with a blank, and of those that do not.
    kept: dict[tuple[int, ...], _Paths] = {(): _Paths(blank=0.0)}
    for moment, row in enumerate(logs.double().tolist()):
        tried = [token for token, log in enumerate(row) if log > floor and token != blank]
        merged: dict[tuple[int, ...], _Paths] = {}
        for text, ways in kept.items():
            still = _Paths(ways.total + row[blank], ways.token + row[text[-1]] if text else NEVER, ways.positions)
            merged.setdefault(text, _Paths()).join(still)
            for token in tried:
                # A token that comes again must have a blank before it, or it is the same one still.
                before = ways.blank if text and token == text[-1] else ways.total
                if before == NEVER:
                    continue
                new = _Paths(NEVER, before + row[token], (*ways.positions, moment))
                merged.setdefault((*text, token), _Paths()).join(new)
        best = sorted(merged, key=lambda text: merged[text].total + fused.score(text), reverse=True)[:beams]
        kept = {text: merged[text] for text in best}
        fused.read(kept)
    scores = {text: ways.total + fused.score(text, ended=True) for text, ways in kept.items()}
    best = sorted(kept, key=lambda text: scores[text], reverse=True)
    return [SpelledText(list(text), list(kept[text].positions), scores[text]) for text in best]


class _FusionScores:
    """A language model's log-probabilities of texts, worked out once for each beginning that is kept."""

    def __init__(self, fusion: Fusion | None):
        self.fusion = fusion
        self._next: dict[tuple[int, ...], Tensor] = {}
        self._scores: dict[tuple[int, ...], float] = {(): 0.0}
        self.read([()])

    def read(self, texts: Iterable[tuple[int, ...]]) -> None:
        """Find out what may follow texts."""
        if self.fusion is None:
            return
        new = [text for text in texts if text not in self._next]
        if new:
            self._next |= dict(zip(new, self.fusion.writer(new), strict=True))

    def score(self, text: tuple[int, ...], *, ended: bool = False) -> float:
        """The score of a text whose beginning was read, or, with its end, of one that was read itself."""
        if self.fusion is None:
            return 0.0
        if text not in self._scores:
            log = float(self._next[text[:-1]][text[-1]])
            self._scores[text] = self._scores[text[:-1]] + self.fusion.weight * log + self.fusion.bonus
        end = self.fusion.weight * float(self._next[text][self.fusion.end]) if ended else 0.0
        return self._scores[text] + end


@dataclass
class _Paths:
    """All ways to say a beginning, by what they end with, and when the likeliest of them say its tokens."""

    blank: float = NEVER
    token: float = NEVER
    positions: tuple[int, ...] = ()
    likeliest: float = NEVER

    @property
    def total(self) -> float:
        return _add(self.blank, self.token)

    def join(self, other: _Paths) -> None:
        """Take others in."""
        if other.total > self.likeliest:
            self.positions, self.likeliest = other.positions, other.total
        self.blank, self.token = _add(self.blank, other.blank), _add(self.token, other.token)


def _add(first: float, second: float) -> float:
    """log(eˣ + eʸ)."""
    if first < second:
        first, second = second, first
    return first if second == NEVER else first + math.log1p(math.exp(second - first))


def decode(
    logs: Tensor, lengths: Sequence[int], blank: int, beams: int, fusion: Fusion | None = None
) -> list[SpelledText]:
    """The best text of each row of logs (B, positions, V), as long as it is."""
    rows = [row[:length] for row, length in zip(logs.cpu(), lengths, strict=True)]
    if beams == 1 and fusion is None:
        return [likeliest_path(row, blank) for row in rows]
    return [prefix_beam(row, blank, beams, fusion=fusion)[0] for row in rows]
