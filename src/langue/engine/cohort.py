"""Cohorts: requests whose texts stand side by side in one batch, and what becomes of it when they choose."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from langue.engine import beam, sampler
from langue.engine.batch import DecodingBatch, Wanted
from langue.engine.group import Choice, Group, Running, grouped, without_holes
from langue.engine.prefixes import Prefixes
from langue.engine.processors import NOTHING
from langue.engine.proposals import repeated
from langue.engine.request import Event


class Cohort:
    """Requests under way, and the batch of their texts, in which each has its rows in succession.

    Attributes:
        running: the requests.
        batch: their texts.
    """

    def __init__(self, running: list[Running], batch: DecodingBatch):
        self.running, self.batch = running, batch
        self._groups: list[Group] = []
        self._resting: list[Running] = []
        """Requests that have chosen all of this step's tokens, while others go on behind what was proposed."""

    def read(self, proposed: int, wanted: Wanted) -> None:
        """Let the models read each text's last token, and up to so many that are proposed behind it."""
        for running in self.running:
            running.seen += 1
        proposals = self._proposals(proposed) if proposed > 0 else None
        if proposals is None:
            self.batch.read(wanted)
            return
        for running in self._owners((proposals != NOTHING).any(1).tolist()):
            running.agreed = 0
        self.batch.read_ahead(proposals, wanted)

    def _proposals(self, count: int) -> Tensor | None:
        """(rows, k) tokens, `NOTHING` behind those of a row that has fewer; None if nobody has any."""
        rooms = [min(count, running.proposals) for running in self.running for _ in range(running.rows)]
        if self.batch.draft is not None and max(rooms) > 0:
            places = torch.arange(max(rooms), device=self.batch.texts.device)
            proposals = self.batch.propose(max(rooms))
            return proposals.masked_fill(places >= torch.tensor(rooms, device=places.device)[:, None], NOTHING)
        texts = self.batch.texts.cpu().numpy()
        rows = [repeated(text[text != NOTHING], room) for text, room in zip(texts, rooms, strict=True)]
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[NOTHING] * (longest - len(row))] for row in rows]) if longest else None

    def agree(self) -> bool:
        """Let those rest whose last token is not what was proposed there; false if that is all of them."""
        agree = self.batch.advance()
        if not agree:
            return False
        agreeing = self._owners(agree)
        for running in agreeing:
            running.seen, running.agreed = running.seen + 1, running.agreed + 1
        self._groups, self._resting = [], [running for running in self.running if running not in agreeing]
        return True

    def settle(self) -> None:
        """End a step: what was proposed in vain is forgotten."""
        self.batch.settle()
        if self._resting:
            self._groups, self._resting = [], []

    @property
    def prompt(self) -> list[int]:
        """The prompt of a single request that has written nothing, as far as it is seen; nothing otherwise."""
        first = self.running[0]
        return [] if first.written else list(first.request.prompt[-first.seen :])

    def unread(self, prefixes: Prefixes) -> int:
        """Positions that are to be read before it begins to write, without those that are known."""
        prompt, left = self.prompt, self.batch.unread
        return left if left < len(prompt) else left - prefixes.known(prompt[:-1])

    def choose(self) -> tuple[list[Choice], list[Event]]:
        """Let each group choose its next tokens; also what is to be told of them."""
        self._groups = self._groups or grouped(
            self.running, self._resting, self.batch.vocab_size, self.batch.texts.device
        )
        choices, events = [], []
        for group in self._groups:
            if group.settings.beams > 1:
                choices.append(beam.search(group, self.batch))
            else:
                choice, drawn = sampler.sample(group, self.batch)
                choices.append(choice)
                events += drawn
        return [*choices, *([self._rest()] if self._resting else [])], events

    def finished(self, choices: Sequence[Choice]) -> list[Running]:
        """The requests that have finished with these choices."""
        if _go_all_on(choices):
            return []
        counts = self._counts(choices)
        return [running for running in self.running if not counts[running]]

    def go_on(self, choices: Sequence[Choice]) -> None:
        """Keep the rows that were chosen, and append what to; requests that have finished leave."""
        if _go_all_on(choices):
            self.batch.write(choices[0].tokens, choices[0].logs, choices[0].scores)
            return
        starts: dict[Running, int] = {}
        counts, place = self._counts(choices), 0
        for running, count in counts.items():
            starts[running] = place
            place += count
        stay = without_holes(torch.tensor([counts[running] > 0 for running in self.running]))
        sizes = [sum(group.counts) for group in self._groups]
        if sizes != [sum(choice.counts) for choice in choices] or len(self.batch) != sum(sizes):
            self._groups = []
        self.running = [self.running[number] for number in stay.tolist()]
        if not self.running:
            return
        for running in self.running:
            running.rows = counts[running]
        order = torch.tensor([row for running in self.running for row in _range(starts[running], running.rows)])
        parents, tokens, logs, scores = (torch.cat(parts)[order] for parts in zip(*map(_parts, choices), strict=True))
        self.batch.select(parents, stay, [running.rows for running in self.running])
        self.batch.write(tokens, logs, scores)

    def add_to(self, prefixes: Prefixes, running: Running) -> None:
        """Keep what is remembered of a request's text for others, unless its beginning has been forgotten."""
        row = sum(member.rows for member in self.running[: self.running.index(running)])
        text = [token for token in self.batch.texts[row].tolist() if token != NOTHING]
        if len(text) == running.seen:
            prefixes.add(text, lambda: self.batch.alone(row, len(text)))

    def keep(self, numbers: Sequence[int]) -> None:
        """Keep the requests of these numbers, in this order."""
        rows, sources = self._rows(numbers)
        self._groups, self.running = [], [self.running[number] for number in numbers]
        if self.running:
            self.batch.select(rows, sources, [running.rows for running in self.running])

    def again(self, numbers: Sequence[int]) -> Cohort:
        """The requests of these numbers, which leave this one: of their texts half of what was seen is read again."""
        late = [self.running[number] for number in numbers]
        for running in late:
            running.seen = max(1, running.seen // 2)
        rows, sources = self._rows(numbers)
        batch = self.batch.again(rows, sources, [running.rows for running in late], late[0].seen)
        self.keep([number for number in range(len(self.running)) if number not in set(numbers)])
        return Cohort(late, batch)

    def join(self, other: Cohort) -> None:
        """Let others that have just been read go on behind these."""
        self._groups, self.running = [], [*self.running, *other.running]
        self.batch.join(other.batch, [running.rows for running in self.running])

    def _owners(self, which: Sequence[bool]) -> list[Running]:
        """The requests of some rows."""
        rows = iter(which)
        return [running for running in self.running if any(list(islice(rows, running.rows)))]

    def _rows(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Rows of the batch and sources of some requests."""
        starts = torch.tensor([0, *(running.rows for running in self.running)]).cumsum(0).tolist()
        rows = [row for number in numbers for row in range(starts[number], starts[number + 1])]
        return torch.tensor(rows), torch.tensor(numbers)

    def _counts(self, choices: Sequence[Choice]) -> dict[Running, int]:
        """Rows that each request goes on with, in the order of choices."""
        chosen = [*(group.running for group in self._groups), *([self._resting] if self._resting else [])]
        return {
            running: count
            for members, choice in zip(chosen, choices, strict=True)
            for running, count in zip(members, choice.counts, strict=True)
        }

    def _rest(self) -> Choice:
        """The choice of those that rest: nothing."""
        numbers = [number for number, running in enumerate(self.running) if running in self._resting]
        rows, _ = self._rows(numbers)
        nothing = torch.full((len(rows),), NOTHING)
        counts = [self.running[number].rows for number in numbers]
        return Choice(counts, rows, nothing, torch.zeros(len(rows)), self.batch.scores[rows])


def _go_all_on(choices: Sequence[Choice]) -> bool:
    """True if all rows of a batch go on as they stand."""
    return choices[0].parents is None and len(choices) == 1


def _range(first: int, count: int) -> range:
    return range(first, first + count)


def _parts(choice: Choice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    parents = torch.arange(len(choice.tokens)) if choice.parents is None else choice.parents
    return parents, choice.tokens, choice.logs, choice.scores
