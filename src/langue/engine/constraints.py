"""Lexical constraints: phrases that have to stand in a text, by dynamic beam allocation (Post & Vilar 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from langue.engine.continuations import Chosen, Continuations, Step

Phrase = tuple[int, ...]


@dataclass(frozen=True)
class PhraseProgress:
    """Progress of a hypothesis through its phrases.

    Attributes:
        missing: phrases that do not stand in it yet.
        begun: how many tokens of the first of them its end holds.
        met: how many tokens of phrases it holds.
    """

    missing: tuple[Phrase, ...]
    begun: int = 0
    met: int = 0

    def wanted(self) -> list[int]:
        """Tokens that bring it farther."""
        if self.begun:
            return [self.missing[0][self.begun]]
        return sorted({phrase[0] for phrase in self.missing})

    def after(self, token: int) -> PhraseProgress:
        """Progress after one more token; a phrase that is broken off counts for nothing."""
        if self.begun:
            if self.missing[0][self.begun] == token:
                return self._grown(0)
            return PhraseProgress(self.missing, 0, self.met - self.begun).after(token)
        for number, phrase in enumerate(self.missing):
            if phrase[0] == token:
                return self._grown(number)
        return self

    def _grown(self, number: int) -> PhraseProgress:
        phrase, rest = self.missing[number], self.missing[:number] + self.missing[number + 1 :]
        if self.begun + 1 == len(phrase):
            return PhraseProgress(rest, 0, self.met + 1)
        return PhraseProgress((phrase, *rest), self.begun + 1, self.met + 1)


class Constraint:
    """Shares a beam out among banks: hypotheses compete with those that have met as many tokens of their phrases.

    Args:
        phrases: that have to stand in a request's text.
        width: how many hypotheses are followed.
        ends: the tokens that end a text, which it may not before its phrases stand in it.
    """

    def __init__(self, phrases: Sequence[Sequence[int]], width: int, ends: Sequence[int]):
        self.width, self.ends = width, frozenset(ends)
        self._progress = [PhraseProgress(tuple(tuple(phrase) for phrase in phrases if phrase))]
        self._total = sum(len(phrase) for phrase in phrases)
        self._satisfied = False

    def wanted(self) -> list[list[int]]:
        """Tokens that bring each hypothesis farther."""
        return [progress.wanted() for progress in self._progress]

    def follow(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Go on with some hypotheses, each by a token."""
        self._progress = [self._progress[parent].after(token) for parent, token in zip(parents, tokens, strict=True)]

    def choose(self, tokens: Tensor, logs: Tensor, totals: Tensor) -> tuple[list, list, list]:
        """Lists of (parent, token, log-probability, total), of continuations (W, C): followed, ended, and last."""
        candidates: dict[tuple[int, int], tuple[float, float]] = {}
        for parent, progress in enumerate(self._progress):
            row = zip(*(part[parent].tolist() for part in (tokens, logs, totals)), strict=True)
            for token, log, total in row:
                if total > float("-inf") and not (token in self.ends and progress.missing):
                    candidates[parent, token] = (log, total)
        order = sorted(candidates, key=lambda key: -candidates[key][1])
        banks: list[list[tuple[int, int]]] = [[] for _ in range(self._total + 1)]
        for parent, token in order:
            after = self._progress[parent]
            banks[(after if token in self.ends else after.after(token)).met].append((parent, token))

        def full(keys: Sequence[tuple[int, int]]) -> list[tuple[int, int, float, float]]:
            return [(*key, *candidates[key]) for key in keys]

        ended = [key for key in banks[-1][: self.width] if key[1] in self.ends]
        live = _allocated([[key for key in bank if key[1] not in self.ends] for bank in banks], self.width)
        # With no room left, what holds most of its phrases, unless a text that holds all of them has ended before.
        last = banks[-1] if self._satisfied else next((bank for bank in reversed(banks) if bank), [])
        self._satisfied = self._satisfied or bool(ended)
        return tuple(_filled(full(keys), self.width) for keys in (live, ended, last[: self.width]))  # type: ignore[return-value]


def with_wanted(tokens: Tensor, wanted: Sequence[Sequence[int]]) -> Tensor:
    """Tokens (rows, C), and behind them those that each row wants; one that wants fewer repeats its first."""
    longest = max(len(row) for row in wanted)
    more = tokens[:, :1].expand(-1, longest).clone()
    for row, some in enumerate(wanted):
        more[row, : len(some)] = torch.tensor(some, dtype=torch.long, device=tokens.device)
    return torch.cat([tokens, more], 1)


def constrained(constraints: Sequence[Constraint], ways: Continuations) -> Step:
    """The next step of each request's beam."""
    steps = [
        constraint.choose(*parts)
        for constraint, *parts in zip(constraints, ways.tokens, ways.logs, ways.totals, strict=True)
    ]
    return Step(*(_stacked(parts) for parts in zip(*steps, strict=True)))


def _allocated(banks: list[list[tuple[int, int]]], width: int) -> list[tuple[int, int]]:
    """The best of each bank: an equal share each, and what a bank has no use for goes to those that met most."""
    share, rest = divmod(width, len(banks))
    shares = [share + (number >= len(banks) - rest) for number in range(len(banks))]
    taken = [min(size, len(bank)) for size, bank in zip(shares, banks, strict=True)]
    for number in reversed(range(len(banks))):
        taken[number] += min(width - sum(taken), len(banks[number]) - taken[number])
    return [key for bank, size in zip(banks, taken, strict=True) for key in bank[:size]]


def _filled(rows: list, width: int) -> list:
    return rows + [(0, 0, float("-inf"), float("-inf"))] * (width - len(rows))


def _stacked(rows: Sequence[list]) -> Chosen:
    parents, tokens, logs, totals = zip(*(zip(*row, strict=True) for row in rows), strict=True)
    return Chosen(
        torch.tensor(parents), torch.tensor(tokens), torch.tensor(logs), torch.tensor(totals, dtype=torch.float64)
    )
