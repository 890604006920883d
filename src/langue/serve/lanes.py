"""Lanes: each does the jobs of one model, a bounded piece of work at a time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langue.engine import Engine, EngineSettings, Event, Request
from langue.models import Model
from langue.serve.calls import Call
from langue.serve.counts import Counts
from langue.serve.fair_queue import FairQueue
from langue.serve.jobs import CallJob, DrawnToken, Finished, Job
from langue.serve.settings import ServeSettings

Deliver = Callable[[Job, DrawnToken | Finished | Exception], None]
"""Hands what has happened to a job to the event loop."""


class Part(NamedTuple):
    """One part of a job: a request, or an input."""

    job: Any
    number: int


class Lane(ABC):
    """The jobs of one model.

    Args:
        deliver: where results go.
    """

    def __init__(self, deliver: Deliver):
        self.deliver = deliver
        self.waiting: FairQueue[Part] = FairQueue()

    def add(self, job: Job) -> None:
        """Let all parts of a job wait for their turns."""
        for number in range(job.parts):
            self.waiting.push(job.client, Part(job, number))

    def cancel(self, job: Job) -> None:
        """Let go what there is of a job."""
        self.waiting.remove(lambda part: part.job is job)

    def fail(self, job: Job, error: Exception) -> None:
        """Let a job go that has failed."""
        job.is_cancelled = True
        self.cancel(job)
        self.deliver(job, error)

    def fail_all(self, error: Exception) -> None:
        """Let all jobs go, after something that nobody has foreseen."""
        for job in dict.fromkeys(part.job for part in self.waiting.remove(lambda part: True)):
            self.fail(job, error)

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """True if nothing waits or is under way."""

    @abstractmethod
    def advance(self) -> None:
        """Do a bounded piece of work, if there is any."""


@dataclass
class _Writing:
    """A request under way.

    Attributes:
        part: of which job.
        written: new tokens of its longest text, as far as is known.
        last: seconds of the monotonic clock at which its last token came, or the job.
    """

    part: Part
    written: int = 0
    last: float = 0.0

    def __post_init__(self) -> None:
        self.last = self.part.job.created

    def note(self, counts: Counts) -> None:
        """Count a step's token of its texts."""
        now = time.monotonic()
        (counts.next_token if self.written else counts.first_token)(now - self.last)
        self.written, self.last = self.written + 1, now


class WritingLane(Lane):
    """Requests of one model, which its engine writes side by side.

    Args:
        models: a decoder or encoder–decoder, or several that write together.
        settings: of the server.
        deliver: where results go.
        counts: of times between tokens.
        draft: a small decoder that proposes tokens, see `Engine`.
    """

    def __init__(
        self,
        models: Sequence[Model],
        settings: ServeSettings,
        deliver: Deliver,
        counts: Counts,
        draft: Model | None = None,
    ):
        super().__init__(deliver)
        self.counts = counts
        limits = EngineSettings(
            batch_rows=settings.rows,
            batch_tokens=settings.batch_tokens,
            prompt_tokens=settings.prompt_tokens,
            prefix_tokens=settings.prefix_tokens,
            speculate=settings.speculate,
        )
        self.engine = Engine(models, limits, draft)
        self._running: dict[Request, _Writing] = {}
        self._suspects: deque[Part] = deque()
        """Requests that were under way when the engine failed, of which each now goes on alone."""

    @property
    def is_idle(self) -> bool:
        return not self._running and not self.waiting and not self._suspects

    @property
    def rows(self) -> int:
        """Texts that are being written."""
        return sum(request.settings.width for request in list(self._running))

    def cancel(self, job: Job) -> None:
        super().cancel(job)
        self._suspects = deque(part for part in self._suspects if part.job is not job)
        for request in [request for request, writing in self._running.items() if writing.part.job is job]:
            del self._running[request]
            self.engine.cancel(request)

    def advance(self) -> None:
        """Admit what there is room for, and let each text have its next token."""
        self._admit()
        if not self._running:
            return
        try:
            events = self.engine.step()
        except Exception as error:  # which leaves nothing that could be gone on with
            self._find_out(error)
            return
        self._tell(events)

    def fail_all(self, error: Exception) -> None:
        self.engine.clear()
        jobs = [*(writing.part.job for writing in self._running.values()), *(part.job for part in self._suspects)]
        self._running.clear()
        for job in dict.fromkeys(jobs):
            self.fail(job, error)
        super().fail_all(error)

    def _find_out(self, error: Exception) -> None:
        """Let the one go that failed alone; several begin again one by one, and have the same tokens as before."""
        self.engine.clear()
        parts = [writing.part for writing in self._running.values()]
        self._running.clear()
        if len(parts) == 1:
            self.fail(parts[0].job, error)
            return
        for part in parts:
            listener = part.job.listener(part.number)
            if listener is not None:
                listener.restart()
        self._suspects.extend(parts)

    def _admit(self) -> None:
        if self._suspects:
            if not self._running:
                self._begin(self._suspects.popleft())
            return
        # So that none waits within the engine, where nobody takes turns.
        while (part := self.waiting.first()) is not None and self.engine.has_room(part.job.requests[part.number]):
            self.waiting.pop()
            self._begin(part)

    def _begin(self, part: Part) -> None:
        request = part.job.requests[part.number]
        part.job.begun = True
        try:
            self.engine.submit(request)
        except Exception as error:
            self.fail(part.job, error)
        else:
            self._running[request] = _Writing(part)

    def _tell(self, events: Sequence[Event]) -> None:
        for request in dict.fromkeys(event.request for event in events if event.token is not None):
            self._running[request].note(self.counts)
        for writing in self._running.values():
            job, number = writing.part
            listener = job.listener(number)
            for drawn in () if listener is None else listener.drawn(number):
                self.deliver(job, drawn)
        for event in events:
            if event.hypotheses is not None:
                writing = self._running.pop(event.request)
                if not writing.written:  # of beams, or nothing but an end
                    writing.note(self.counts)
                self.deliver(writing.part.job, Finished(writing.part.number, event.hypotheses))


class Abandoned(Exception):
    """Nobody waits any more for what is under way."""


class CallLane(Lane):
    """Inputs of a model that writes no tokens one by one; those of like options are one call.

    Args:
        verbs: the functions that there are.
        together: inputs of one call, at most.
        deliver: where results go.
        breathe: lets the other lanes get on.
    """

    def __init__(self, verbs: Mapping[str, Call], together: int, deliver: Deliver, breathe: Callable[[], None]):
        super().__init__(deliver)
        self.verbs, self.together, self._others = verbs, together, breathe
        self._under_way: Sequence[Part] = ()

    @property
    def is_idle(self) -> bool:
        return not self.waiting

    def advance(self) -> None:
        """Call for some of what waits, unless a call is under way, which then lets others breathe."""
        parts = [] if self._under_way else self._take()
        if not parts:
            return
        try:
            results = self._call(parts)
        except Abandoned:
            return
        except Exception as error:
            if len({part.job for part in parts}) == 1:
                self.fail(parts[0].job, error)
            else:
                self._call_apart(parts)
            return
        self._tell(parts, results)

    def _take(self) -> list[Part]:
        """Parts of jobs of one kind, in turns."""
        first = self.waiting.first()
        parts: list[Part] = []
        while first is not None and len(parts) < self.together:
            kind = first.job.kind
            part = self.waiting.pop(lambda part, kind=kind: part.job.kind == kind)
            if part is None:
                break
            part.job.begun = True
            parts.append(part)
        return parts

    def _call(self, parts: Sequence[Part]) -> Sequence[Any]:
        job: CallJob = parts[0].job
        self._under_way = parts
        try:
            return self.verbs[job.verb]([part.job.inputs[part.number] for part in parts], self._breathe, **job.options)
        finally:
            self._under_way = ()

    def _breathe(self) -> None:
        """Let others get on.

        Raises:
            Abandoned: all of the clients of the call have gone.
        """
        self._others()
        if all(part.job.is_cancelled for part in self._under_way):
            raise Abandoned

    def _call_apart(self, parts: Sequence[Part]) -> None:
        """Call for each job by itself, so that the one that cannot be done stops no other."""
        for job in dict.fromkeys(part.job for part in parts):
            own = [part for part in parts if part.job is job]
            try:
                results = self._call(own)
            except Abandoned:
                continue
            except Exception as error:
                self.fail(job, error)
            else:
                self._tell(own, results)

    def _tell(self, parts: Sequence[Part], results: Sequence[Any]) -> None:
        for part, result in zip(parts, results, strict=True):
            self.deliver(part.job, Finished(part.number, result))
