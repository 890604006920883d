"""The engine: one loop for greedy search, sampling and beams, of every form and mixer, in one batch of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from langue import machine
from langue.engine import beam, sampler
from langue.engine.batch import DecodingBatch, Wanted
from langue.engine.group import Choice, Group, Running, grouped, needs_attention, needs_logits, without_holes
from langue.engine.hypothesis import Hypothesis
from langue.engine.request import Event, Request
from langue.engine.scheduler import Scheduler
from langue.engine.settings import EngineSettings
from langue.errors import LangueError
from langue.kernels import settled_weights
from langue.models import Model

WEIGHTS_SHARE = 4
"""One in so many bytes of free memory may be taken to have weights in an order that makes products faster."""


class Engine:
    """Requests come, go on side by side, each by its own settings, and leave.

    A text depends on nothing that is written beside it. One that has outgrown what the models can see goes on from the
    last half of it: it is read again by itself, and joins the others.

    Args:
        model: a decoder or encoder–decoder, or several of one form and vocabulary, whose probabilities are averaged.
        settings: how much is done at once.

    Raises:
        LangueError: models of different vocabularies or forms.
    """

    def __init__(self, model: Model | Sequence[Model], settings: EngineSettings | None = None):
        self.models = [model] if isinstance(model, Model) else list(model)
        self.settings = settings or EngineSettings()
        kinds = sorted({(model.config.form, model.config.vocab_size) for model in self.models})
        if len(kinds) != 1:
            raise LangueError(
                "an ensemble needs models of one form and vocabulary, but these are "
                + ", ".join(f"{form}s of {size} tokens" for form, size in kinds)
            )
        (self._form, self._vocab_size), *_ = kinds
        self._limit = min(
            (model.context_limit for model in self.models if model.context_limit is not None), default=None
        )
        self._scheduler = Scheduler(self.settings)
        self._running: list[Running] = []
        self._batch: DecodingBatch | None = None
        self._groups: list[Group] = []

    @property
    def is_idle(self) -> bool:
        """True if no request waits or is under way."""
        return not self._running and not self._scheduler.waiting

    def submit(self, request: Request) -> None:
        """Let a request wait for the next step that has room for it.

        Raises:
            LangueError: it asks what cannot be done, see `Request.check`.
        """
        request.check(attends=self._form == "seq2seq")
        self._scheduler.waiting.append(request)

    @torch.inference_mode()
    def cancel(self, request: Request) -> bool:
        """Let a request go, whose room is free at once; whether it was there."""
        if request in self._scheduler.waiting:
            self._scheduler.waiting.remove(request)
            return True
        stay = [number for number, running in enumerate(self._running) if running.request is not request]
        if len(stay) == len(self._running):
            return False
        self._keep(stay)
        return True

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Read each text's last token, and the prompts of those that there is room for, and choose their next ones.

        Raises:
            LangueError: the models' output is not finite; all requests are let go.
        """
        try:
            self._read()
            self._admit()
            return [] if self._batch is None else self._choose(self._batch)
        except BaseException:  # which leaves nothing that could be gone on with
            self.clear()
            raise

    def clear(self) -> None:
        """Let all requests go."""
        self._scheduler.waiting.clear()
        self._running, self._batch, self._groups = [], None, []

    def run(self, requests: Sequence[Request], advance: Callable[[int], Any] | None = None) -> list[list[Hypothesis]]:
        """The hypotheses of each request; nothing else may be under way.

        Those of like length go on together, the longest first, so that memory runs out at once or not at all.

        Args:
            requests: each for the first time.
            advance: called with how many have finished.

        Raises:
            LangueError: see `submit` and `step`.
            ValueError: the engine is not idle.
        """
        finished: dict[Request, list[Hypothesis]] = {}
        with settled_weights(machine.memory()[1] // WEIGHTS_SHARE):
            for event in self._events(sorted(requests, key=lambda request: -request.length)):
                if event.hypotheses is not None:
                    finished[event.request] = event.hypotheses
                    if advance is not None:
                        advance(1)
        return [finished[request] for request in requests]

    def stream(self, request: Request) -> Iterator[Event]:
        """Events of one request, as they happen; nothing else may be under way. Who stops listening cancels it."""
        return self._events([request])

    def _events(self, requests: Sequence[Request]) -> Iterator[Event]:
        if not self.is_idle:
            raise ValueError("the engine has other requests under way; submit these, and step")
        try:
            for request in requests:
                self.submit(request)
            while not self.is_idle:
                yield from self.step()
        finally:
            self.clear()

    def _read(self) -> None:
        """Let the models read each text's last token; those without room are read again from their half."""
        if self._batch is None:
            return
        over = [number for number, running in enumerate(self._running) if running.seen == self._limit]
        for running in self._running:
            running.seen = max(1, running.seen // 2) if running.seen == self._limit else running.seen + 1
        if not over:
            self._batch.read(self._wanted())
            return
        late = [self._running[number] for number in over]
        wanted = self._wanted()
        rows, sources = self._rows(over)
        seen = [running.seen for running in late for _ in range(running.rows)]
        again = self._batch.again(rows, sources, [running.rows for running in late], seen, wanted)
        self._keep([number for number in range(len(self._running)) if number not in set(over)])
        if self._batch is not None:
            self._batch.read(wanted)
        self._join(late, again)

    def _admit(self) -> None:
        """Read the prompts of requests that there is room for."""
        requests = self._scheduler.admit(self._running)
        if not requests:
            return
        lengths = [len(request.prompt) for request in requests]
        seen = lengths if self._limit is None else [min(length, self._limit) for length in lengths]
        late = [Running(request, length) for request, length in zip(requests, seen, strict=True)]
        prompts, sources = [request.prompt for request in requests], [request.source for request in requests]
        batch = DecodingBatch.of(
            self.models,
            prompts,
            None if self._form == "decoder" else [source for source in sources if source is not None],
            seen,
            self.settings.ensemble,
            self._wanted(late),
        )
        self._join(late, batch)

    def _choose(self, batch: DecodingBatch) -> list[Event]:
        """Let each group choose, and go on with that."""
        self._groups = self._groups or grouped(self._running, self._vocab_size, batch.texts.device)
        choices, events = [], []
        for group in self._groups:
            if group.settings.beams > 1:
                choices.append(beam.search(group, batch))
            else:
                choice, drawn = sampler.sample(group, batch)
                choices.append(choice)
                events += drawn
        finished = self._go_on(batch, choices)
        return events + [Event(running.request, hypotheses=running.hypotheses) for running in finished]

    def _go_on(self, batch: DecodingBatch, choices: Sequence[Choice]) -> list[Running]:
        """Keep the rows that were chosen, and append what to; those that have finished."""
        first, *others = choices
        if first.parents is None and not others:
            batch.write(first.tokens, first.logs, first.scores)
            return []
        rows: dict[Running, range] = {}
        place = 0
        for group, choice in zip(self._groups, choices, strict=True):
            for running, count in zip(group.running, choice.counts, strict=True):
                rows[running] = range(place, place + count)
                place += count
        finished = [running for running in self._running if not rows[running]]
        stay = without_holes(torch.tensor([len(rows[running]) > 0 for running in self._running]))
        self._running = [self._running[number] for number in stay.tolist()]
        sizes = [sum(group.counts) for group in self._groups]
        if sizes != [sum(choice.counts) for choice in choices] or len(batch) != sum(sizes):
            self._groups = []
        if not self._running:
            self._batch = None
            return finished
        for running in self._running:
            running.rows = len(rows[running])
        order = torch.tensor([row for running in self._running for row in rows[running]])
        parents, tokens, logs, scores = (torch.cat(parts)[order] for parts in zip(*map(_parts, choices), strict=True))
        batch.select(parents, stay, [running.rows for running in self._running])
        batch.write(tokens, logs, scores)
        return finished

    def _keep(self, stay: Sequence[int]) -> None:
        """Keep the requests of these numbers, in this order."""
        self._groups = []
        if not stay or self._batch is None:
            self._running, self._batch = [], None
            return
        rows, sources = self._rows(stay)
        self._running = [self._running[number] for number in stay]
        self._batch.select(rows, sources, [running.rows for running in self._running])

    def _join(self, late: Sequence[Running], batch: DecodingBatch) -> None:
        """Let requests that have just been read go on behind the others."""
        self._running, self._groups = [*self._running, *late], []
        if self._batch is None:
            self._batch = batch
        else:
            self._batch.join(batch, [running.rows for running in self._running])

    def _rows(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Rows of the batch and sources of some requests."""
        starts = torch.tensor([0, *(running.rows for running in self._running)]).cumsum(0).tolist()
        rows = [row for number in numbers for row in range(starts[number], starts[number + 1])]
        return torch.tensor(rows), torch.tensor(numbers)

    def _wanted(self, more: Sequence[Running] = ()) -> Wanted:
        """Results to work out beside log-probabilities for requests under way, and some more."""
        requests = [running.request for running in (*self._running, *more)]
        return Wanted(any(map(needs_logits, requests)), any(map(needs_attention, requests)))


def _parts(choice: Choice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    parents = torch.arange(len(choice.tokens)) if choice.parents is None else choice.parents
    return parents, choice.tokens, choice.logs, choice.scores
