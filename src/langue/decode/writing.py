"""Greedy search and sampling: many rows at once, each going its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from langue.decode.finite import refuse_not_finite
from langue.decode.rank import Hypothesis, rank
from langue.decode.rows import Source
from langue.decode.task import Asked, without_holes
from langue.randomness import mix

if TYPE_CHECKING:
    from langue.decode.search import Search


class Writing:
    """Greedy search or sampling of many rows at once; rows that have ended leave the batch.

    Samples of one prompt share its source, which is kept once, and so leave when the last of them has ended.

    What is drawn for a row is a pure function of the seed, which of its prompt's samples it is, and the position; so a
    text depends on nothing that is written beside it.

    Args:
        search: what to search with.
        prompts: tokens of each, at least one; each gets `samples` rows in succession.
        sources: what each is written about, for encoder–decoders.
        prefixes: tokens that each text has to begin with.
    """

    @torch.inference_mode()
    def __init__(
        self,
        search: Search,
        prompts: Sequence[Sequence[int]],
        sources: Sequence[Source] | None = None,
        prefixes: Sequence[Sequence[int]] | None = None,
    ):
        self.settings, self.chooser = search.settings, search.chooser
        asked = Asked(prompts, sources, prefixes)
        count = self.settings.samples
        self._together = 1 if sources is None else count
        self.rows = self.chooser.rows(asked)
        self.rows.repeat(count)
        self._source_lengths = None if sources is None else [len(source) for source in sources for _ in range(count)]
        self._rooms = [room for room in asked.rooms(self.settings) for _ in range(count)]
        prefix = asked.prefix
        self._prefix = None if prefix is None else prefix.repeat_interleave(count, 0).to(self.rows.device)
        total = len(asked) * count
        self._tokens: list[list[int]] = [[] for _ in range(total)]
        self._logs: list[list[float]] = [[] for _ in range(total)]
        self._looks: list[list[Tensor]] = [[] for _ in range(total)]
        self._ends: list[int | None] = [None] * total
        self._active = list(range(total))
        self._stopped: set[int] = set()

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """All rows as they stand."""
        return [self._hypothesis(row) for row in range(len(self._tokens))]

    def stop(self, row: int) -> None:
        """End a row before its next token."""
        self._stopped.add(row)

    @torch.inference_mode()
    def tokens(self) -> Iterator[tuple[int, int]]:
        """(row, token) as they are chosen; ending tokens are not shown."""
        position = 0
        while self._active:
            chosen, logs = self._choose(position)
            position += 1
            yield from self._note(chosen.tolist(), logs.tolist(), position)
            places = self._left()
            if places is None:
                self.rows.append(chosen)
                continue
            if not len(places):
                return
            going = (places[:, None] * self._together + torch.arange(self._together)).flatten()
            self._active = [self._active[place] for place in going.tolist()]
            chosen = chosen.index_select(0, going.to(chosen.device))
            if self._prefix is not None:
                self._prefix = self._prefix.index_select(0, going.to(chosen.device))
            self.rows.append(chosen, going, None if self._together == 1 else places)

    def _left(self) -> Tensor | None:
        """Which sources, or rows that share none, go on; None is all."""
        if not self._stopped:
            return None
        keep = torch.tensor([row not in self._stopped for row in self._active]).view(-1, self._together).any(1)
        return None if bool(keep.all()) else without_holes(keep)

    def _note(self, chosen: list[int], logs: list[float], position: int) -> Iterator[tuple[int, int]]:
        looks = self.rows.looks if self.settings.alignments else None
        for place, row in enumerate(self._active):
            if row in self._stopped:  # it waits for those that share its source
                continue
            self._logs[row].append(logs[place])
            if looks is not None:
                self._looks[row].append(looks[place])
            if chosen[place] in self.chooser.ends:
                self._ends[row] = chosen[place]
                self._stopped.add(row)
                continue
            if position == self._rooms[row]:
                self._stopped.add(row)
            self._tokens[row].append(chosen[place])
            yield row, chosen[place]

    def _choose(self, position: int) -> tuple[Tensor, Tensor]:
        """(rows,) tokens and their log-probabilities."""
        rows, settings = self.rows, self.settings
        written = torch.full((len(self._active),), position, device=rows.device)
        logits = self.chooser.logits(rows, written, self._prefix)
        if settings.temperature == 0:
            chosen = logits.argmax(-1)
        else:
            draws = [mix(settings.seed, "sample", row % settings.samples, position) / 2**64 for row in self._active]
            chosen = _draw(logits, draws)
        logs = rows.logs.gather(1, chosen[:, None])[:, 0].cpu()
        refuse_not_finite(logs)
        return chosen, logs

    def _hypothesis(self, row: int) -> Hypothesis:
        tokens, logs = self._tokens[row], self._logs[row]
        looks = None
        if self._looks[row] and self._source_lengths is not None:
            looks = torch.stack(self._looks[row]).cpu()[:, : self._source_lengths[row]]
        score = sum(logs)
        return Hypothesis(
            list(tokens), score, self._ends[row], rank(score, len(logs), looks, self.settings), list(logs), looks
        )


def _draw(logits: Tensor, draws: list[float]) -> Tensor:
    """(rows,) the token in whose share of the probability each draw from [0, 1) lies."""
    # float32's cumulated probabilities would lose the least likely tokens; MPS has nothing better.
    kind = torch.float32 if logits.device.type == "mps" else torch.float64
    cumulated = logits.to(kind).softmax(-1).cumsum(-1)
    # A draw just below 1 must not land behind the last token that can be chosen.
    drawn = torch.tensor(draws, dtype=kind, device=logits.device)[:, None] * cumulated[:, -1:]
    return torch.searchsorted(cumulated, drawn, right=True).clamp_(max=logits.shape[-1] - 1)[:, 0]
