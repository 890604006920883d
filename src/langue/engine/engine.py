"""The engine: one loop for greedy search, sampling and beams, of every form and mixer, in one batch of bounded size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from langue import machine
from langue.batch import Batch
from langue.engine.batch import DecodingBatch, Wanted
from langue.engine.cohort import Cohort
from langue.engine.group import Running, needs_attention, needs_logits
from langue.engine.hypothesis import Hypothesis
from langue.engine.prefixes import Prefixes, common_length
from langue.engine.request import Event, Request
from langue.engine.scheduler import Scheduler
from langue.engine.settings import EngineSettings
from langue.errors import LangueError
from langue.kernels import settled_weights
from langue.models import Model

WEIGHTS_SHARE = 4
"""One in so many bytes of free memory may be taken to have weights in an order that makes products faster."""

FEW = 32
"""Positions of a prompt that are not read by themselves unless they are all: they take as long as twice as many."""

READ_AHEAD = {"cpu": 64}
"""Positions of a step, proposed ones included, up to which more of them are worth their time. SmolLM2-135M takes on one
core of a Sapphire Rapids 56, 83, 136 and 261 ms for 1, 4, 16 and 64."""


class Engine:
    """Requests come, go on side by side, each by its own settings, and leave.

    A text depends on nothing that is written beside it. One that has outgrown what the models can see goes on from the
    last half of it: it is read again by itself, and joins the others.

    Args:
        model: a decoder or encoder–decoder, or several of one form and vocabulary, whose probabilities are averaged.
        settings: how much is done at once.
        draft: a small decoder of the same tokens, which proposes those that `settings.speculate` asks for.

    Raises:
        LangueError: models of different vocabularies or forms, or speculation with such as do not allow it.
    """

    def __init__(
        self, model: Model | Sequence[Model], settings: EngineSettings | None = None, draft: Model | None = None
    ):
        self.models = [model] if isinstance(model, Model) else list(model)
        self.settings = settings or EngineSettings()
        kinds = sorted({(model.config.form, model.config.vocab_size) for model in self.models})
        if len(kinds) != 1:
            raise LangueError(
                "an ensemble needs models of one form and vocabulary, but these are "
                + ", ".join(f"{form}s of {size} tokens" for form, size in kinds)
            )
        (self._form, self._vocab_size), *_ = kinds
        self._draft = draft
        self._limit = _limit(self.models)
        can_be_cut = all(map(_can_be_cut, self.models if draft is None else [*self.models, draft]))
        self._check_speculation(can_be_cut)
        pieces, room = self.settings.prompt_tokens, self.settings.prefix_tokens
        if self._form != "decoder":  # their prompts are short, and what follows depends on their sources
            pieces, room = None, 0
        self._apart = pieces is not None or room > 0
        """True if each prompt is read by itself."""
        self._prompt_tokens = sys.maxsize if pieces is None else pieces
        self._prefixes = Prefixes(room, can_be_cut)
        self._scheduler = Scheduler(self.settings, apart=self._apart)
        self._reading: list[Cohort] = []
        """Requests whose prompts, or texts once more, are being read, oldest first."""
        self._writing: Cohort | None = None
        """Requests whose texts are being written, in one batch."""

    def _check_speculation(self, can_be_cut: bool) -> None:
        draft, count = self._draft, self.settings.speculate
        if count and not can_be_cut:
            raise LangueError(
                "speculation takes back what was proposed in vain, which decoders of attention alone can; "
                "set speculate to 0"
            )
        if draft is not None and draft.config.vocab_size != self._vocab_size:
            raise LangueError(
                f"a draft needs the model's own tokens, of which there are {self._vocab_size}, not "
                f"{draft.config.vocab_size}"
            )
        if draft is not None and (_limit([draft]) or 0) < (self._limit or 0):
            raise LangueError(
                f"a draft of context {_limit([draft])} sees less than the model's {self._limit} positions"
            )
        if draft is not None and not count:
            raise LangueError("a draft has nothing to propose; set speculate to 4, or leave the draft out")

    @property
    def is_idle(self) -> bool:
        """True if no request waits or is under way."""
        return not self._cohorts and not self._scheduler.waiting

    def has_room(self, request: Request) -> bool:
        """True if a request that were submitted now would not have to wait."""
        return self._scheduler.has_room(self._running, request)

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
        for cohort in self._cohorts:
            stay = [number for number, running in enumerate(cohort.running) if running.request is not request]
            if len(stay) < len(cohort.running):
                cohort.keep(stay)
                self._drop_empty()
                return True
        return False

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Read each text's last token, and choose its next one; then prompts, or a piece of them, behind which texts
        begin.

        Raises:
            LangueError: the models' output is not finite; all requests are let go.
        """
        try:
            events = self._read()
            self._admit()
            return events + self._read_prompts()
        except BaseException:  # which leaves nothing that could be gone on with
            self.clear()
            self.forget()
            raise

    def clear(self) -> None:
        """Let all requests go."""
        self._scheduler.waiting.clear()
        self._reading, self._writing = [], None

    def forget(self) -> None:
        """Forget what is kept of texts for others, as after a change of weights."""
        self._prefixes.clear()

    def settled(self) -> AbstractContextManager[None]:
        """A context for many steps, inside which weights stay as they are, so that products of few rows are faster."""
        return settled_weights(machine.memory()[1] // WEIGHTS_SHARE)

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
        with self.settled():
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

    @property
    def _cohorts(self) -> list[Cohort]:
        return [*self._reading, *([] if self._writing is None else [self._writing])]

    @property
    def _running(self) -> list[Running]:
        return [running for cohort in self._cohorts for running in cohort.running]

    def _read(self) -> list[Event]:
        """Read each text's last token, and choose the next; texts without room are to be read again from their half."""
        writing = self._writing
        if writing is None:
            return []
        over = [number for number, running in enumerate(writing.running) if running.seen == self._limit]
        if over:
            self._reading.append(writing.again(over))
        events = []
        if writing.running:
            writing.read(self._proposals(writing), self._wanted())
            events = self._choose(writing)
        self._drop_empty()
        return events

    def _proposals(self, writing: Cohort) -> int:
        """Tokens that may be proposed to each text, all of which have to be within the context."""
        if not self.settings.speculate:
            return 0
        seen = max(running.seen for running in writing.running)
        room = sys.maxsize if self._limit is None else self._limit - seen
        device = self.models[0].device.type
        return min(self.settings.speculate, room - 1, READ_AHEAD.get(device, 512) // len(writing.batch) - 1)

    def _admit(self) -> None:
        """Take requests that there is room for; prompts that may be read in pieces are read each by itself."""
        requests = self._scheduler.admit(self._running) if self._scheduler.waiting else []
        for some in [[request] for request in requests] if self._apart else [requests] if requests else []:
            running = [Running(request, min(len(request.prompt), self._limit or sys.maxsize)) for request in some]
            sources = [request.source for request in some if request.source is not None]
            batch = DecodingBatch.of(
                self.models,
                [request.prompt for request in some],
                None if self._form == "decoder" else sources,
                [member.seen for member in running],
                self.settings.ensemble,
                self._draft,
            )
            self._reading.append(Cohort(running, batch))

    def _read_prompts(self) -> list[Event]:
        """Read as much of prompts as one step may; texts whose prompts are read begin, and go on behind the others."""
        if not self._reading:
            return []
        events, wanted = [], self._wanted()
        for cohort, most in self._turns():
            cohort.batch.read_prompts(most, wanted)
            if not cohort.batch.unread:
                self._reading.remove(cohort)
                self._remember(cohort, cohort.running[:1])
                events += self._choose(cohort)
                if cohort.running:
                    self._join(cohort)
        return events

    def _join(self, cohort: Cohort) -> None:
        if self._writing is None:
            self._writing = cohort
        else:
            self._writing.join(cohort)

    def _turns(self) -> Iterator[tuple[Cohort, int]]:
        """Cohorts whose prompts are read on in this step, and about how many positions of them.

        Those that have least to read come first, so that short prompts do not wait for long ones; but as much as half
        of a step's positions is kept for the oldest, so that it comes to its end.
        """
        oldest, *others = self._reading
        left, prefixes = self._prompt_tokens, self._prefixes
        kept = min(oldest.unread(prefixes), (left + 1) // 2)
        for cohort in sorted(others, key=lambda cohort: cohort.unread(prefixes)):
            unread = cohort.unread(prefixes)
            if self._awaits(cohort, oldest):
                continue
            if left - kept < min(unread, FEW):
                break
            cohort.batch.begin_behind(prefixes)
            yield cohort, left - kept
            left -= unread - cohort.batch.unread
        oldest.batch.begin_behind(prefixes)
        yield oldest, left

    def _awaits(self, cohort: Cohort, older: Cohort) -> bool:
        """True if another that is soon read begins like it, so that it has but the rest to read then."""
        prompt, is_kept = cohort.prompt, len(older.prompt) <= self._prefixes.room and self._prefixes.can_be_cut
        if not is_kept or cohort.batch.unread < len(prompt):
            return False
        return older.batch.unread < 2 * (common_length(prompt, older.prompt) - self._prefixes.known(prompt))

    def _choose(self, cohort: Cohort) -> list[Event]:
        """Let all texts choose, and go on with that, those again that chose what was proposed to them; requests that
        have finished leave."""
        events = self._choose_once(cohort)
        while cohort.running and cohort.agree():
            events += self._choose_once(cohort)
        if cohort.running:
            cohort.settle()
        return events

    def _choose_once(self, cohort: Cohort) -> list[Event]:
        choices, events = cohort.choose()
        finished = cohort.finished(choices)
        self._remember(cohort, finished)
        cohort.go_on(choices)
        return events + [Event(running.request, hypotheses=running.hypotheses) for running in finished]

    def _remember(self, cohort: Cohort, running: Sequence[Running]) -> None:
        """Keep what is remembered of some texts for others that begin alike."""
        if self._prefixes.room:
            for member in running:
                cohort.add_to(self._prefixes, member)

    def _drop_empty(self) -> None:
        """Let go of what nobody stands in any more."""
        self._reading = [cohort for cohort in self._reading if cohort.running]
        self._writing = self._writing if self._writing is not None and self._writing.running else None

    def _wanted(self) -> Wanted:
        """Results to work out beside log-probabilities for requests under way."""
        requests = [running.request for running in self._running]
        return Wanted(any(map(needs_logits, requests)), any(map(needs_attention, requests)))


def _limit(models: Sequence[Model]) -> int | None:
    return min((model.context_limit for model in models if model.context_limit is not None), default=None)


def _can_be_cut(model: Model) -> bool:
    return model.config.form == "decoder" and model.start(Batch(torch.empty(1, 0))).can_be_cut
