"""What a search works on: models, prompts, and how much room each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.decode.filters import NOTHING, RULED_OUT, banned, filtered, forced
from langue.decode.rows import Rows, Source
from langue.decode.select import is_one_of
from langue.decode.settings import SearchSettings
from langue.models import Model

Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Asked:
    """Prompts that are written on side by side, with what is asked of each.

    Attributes:
        prompts: tokens of each, at least one.
        sources: what each is written about, for encoder–decoders.
        prefixes: tokens that each text has to begin with, which are part of it.
        phrases: for each text, the phrases that have to stand in it.
    """

    prompts: Sequence[Sequence[int]]
    sources: Sequence[Source] | None = None
    prefixes: Sequence[Sequence[int]] | None = None
    phrases: Sequence[Sequence[Sequence[int]]] | None = None

    def __len__(self) -> int:
        return len(self.prompts)

    def take(self, numbers: Sequence[int]) -> Asked:
        """Some of them, or some of them several times."""

        def of(column: Sequence | None) -> list | None:
            return None if column is None else [column[number] for number in numbers]

        return Asked(
            [self.prompts[number] for number in numbers], of(self.sources), of(self.prefixes), of(self.phrases)
        )

    @cached_property
    def prefix(self) -> Tensor | None:
        """(prompts, P) tokens of prefixes, `NOTHING` behind the shorter ones; None when there are none."""
        longest = max((len(prefix) for prefix in self.prefixes or ()), default=0)
        if not self.prefixes or not longest:
            return None
        padded = [[*prefix, *[NOTHING] * (longest - len(prefix))] for prefix in self.prefixes]
        return torch.tensor(padded, dtype=torch.long)

    def lengths(self) -> list[int]:
        """Positions of each prompt and its source."""
        sources = [0] * len(self) if self.sources is None else [len(source) for source in self.sources]
        return [len(prompt) + source for prompt, source in zip(self.prompts, sources, strict=True)]

    def rooms(self, settings: SearchSettings) -> list[int]:
        """New tokens that each text may have."""
        more = settings.max_tokens_per_source
        lengths = [0] * len(self) if self.sources is None else [len(source) for source in self.sources]
        return [settings.max_tokens + int(more * length) for length in lengths]


@dataclass(frozen=True)
class Chooser:
    """Which tokens rows may go on with.

    Attributes:
        models: one, or several whose probabilities are averaged.
        settings: how tokens are chosen.
        ends: the tokens that end a text.
        never: numbers of tokens that may not be chosen.
        rule: what else rules tokens out: from log-probabilities (rows, V), texts (rows, L) and how many of each one's
            tokens were written (rows,), to log-probabilities.
    """

    models: Sequence[Model]
    settings: SearchSettings
    ends: tuple[int, ...]
    never: Tensor | None
    rule: Rule | None = None

    def rows(self, asked: Asked) -> Rows:
        """The prompts, read."""
        settings = self.settings
        return Rows(
            self.models,
            asked.prompts,
            asked.sources,
            never=self.never,
            looking=settings.alignments or settings.coverage_penalty > 0,
            logarithm=settings.ensemble == "logarithm",
            # A penalty depends on the sign, and so on whether logits are normalised; beams add log-probabilities.
            raw=settings.repetition_penalty != 1.0 and settings.beams == 1,
        )

    def logits(self, rows: Rows, written: Tensor, prefix: Tensor | None) -> Tensor:
        """Logits (rows, V) after all filters, which of beams are log-probabilities.

        Args:
            rows: the texts so far.
            written: (rows,) how many tokens each has after its prompt.
            prefix: (rows, P) tokens that each has to begin with, or `NOTHING` where it is free.
        """
        logits = rows.logs
        if rows.logits is not None:
            logits = rows.logits if self.never is None else banned(rows.logits, self.never)
        if self.rule is not None:
            logits = self.rule(logits, rows.texts, written)
        logits = filtered(logits, rows.texts, self.settings)
        if int(written.min()) < self.settings.min_tokens:
            ends = is_one_of(torch.arange(logits.shape[1], device=logits.device), self.ends)
            logits = logits.masked_fill((written < self.settings.min_tokens)[:, None] & ends, RULED_OUT)
        if prefix is not None and int(written.min()) < prefix.shape[1]:
            next_one = pad(prefix, (0, 1), value=NOTHING).gather(1, written[:, None].clamp(max=prefix.shape[1]))
            logits = forced(logits, next_one[:, 0])
        return logits


def without_holes(keep: Tensor) -> Tensor:
    """Which rows to select so that those of `keep` (rows,) bool remain, most of them where they stand."""
    count = int(keep.sum())
    rows = torch.arange(count)
    rows[~keep[:count]] = count + keep[count:].nonzero()[:, 0]
    return rows
