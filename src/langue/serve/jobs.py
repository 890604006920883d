"""Jobs: work that a client waits for, made by the event loop and done by the worker."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from langue.engine import Request, StopStrings
from langue.engine.request import LogitsProcessor
from langue.serve.calls import TokenChances, chances_of
from langue.text import Tokenizer


class DrawnToken(NamedTuple):
    """A token that was drawn for one of a job's texts.

    Attributes:
        part: the number of the request.
        sample: which of its texts.
        token: that was drawn.
        text: what it makes certain, which is often a whole piece, and sometimes nothing yet.
        chances: how likely it was, if that is asked for.
    """

    part: int
    sample: int
    token: int
    text: str
    chances: TokenChances | None = None


class Finished(NamedTuple):
    """The result of one part of a job: a request's hypotheses, or what a call gave for one input."""

    part: int
    result: Any


@dataclass(eq=False)
class Job(ABC):
    """Work in parts, whose results come one by one.

    Attributes:
        client: whose it is, for turns to be fair.
        arrivals: what has happened so far, on the side of the event loop; an exception where it failed.
        left: parts that are not finished, as far as the event loop knows.
        begun: some part is under way or finished.
        is_cancelled: nobody waits for it any more.
        created: seconds of the monotonic clock.
    """

    client: str
    arrivals: asyncio.Queue[DrawnToken | Finished | Exception] = field(default_factory=asyncio.Queue, init=False)
    left: int = field(default=0, init=False)
    begun: bool = field(default=False, init=False)
    is_cancelled: bool = field(default=False, init=False)
    created: float = field(default_factory=time.monotonic, init=False)

    def __post_init__(self) -> None:
        self.left = self.parts

    @property
    @abstractmethod
    def parts(self) -> int:
        """Number of its parts."""

    async def happenings(self) -> AsyncGenerator[list[DrawnToken | Finished]]:
        """Everything that happens to it until all parts are finished, as much at a time as has come since.

        Raises:
            Exception: the job has failed.
        """
        left = self.parts
        while left:
            happenings: list[DrawnToken | Finished] = []
            happening = await self.arrivals.get()
            while not isinstance(happening, Exception):
                happenings.append(happening)
                if self.arrivals.empty():
                    break
                happening = self.arrivals.get_nowait()
            left -= sum(isinstance(one, Finished) for one in happenings)
            yield happenings
            if isinstance(happening, Exception):
                raise happening

    async def results(self) -> list[Any]:
        """The result of each part, in their order.

        Raises:
            Exception: the job has failed.
        """
        results: dict[int, Any] = {}
        async for happenings in self.happenings():
            results |= {one.part: one.result for one in happenings if isinstance(one, Finished)}
        return [results[part] for part in sorted(results)]


@dataclass(eq=False)
class WritingJob(Job):
    """Texts to be written: requests of one model's engine.

    Attributes:
        requests: they.
        listeners: by request, what listens to its tokens; None of those whose end alone counts.
    """

    requests: Sequence[Request]
    listeners: Sequence[TokenListener | None] = ()

    @property
    def parts(self) -> int:
        return len(self.requests)

    def listener(self, part: int) -> TokenListener | None:
        """The listener of a request."""
        return self.listeners[part] if self.listeners else None


@dataclass(eq=False)
class CallJob(Job):
    """Inputs of a task's verb; what waits for the same verb with the same options is one call.

    Attributes:
        verb: the name of a function of the lane.
        inputs: they.
        options: of the verb.
    """

    verb: str
    inputs: Sequence[Any]
    options: dict[str, Hashable] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        return len(self.inputs)

    @property
    def kind(self) -> Hashable:
        """A key that jobs share whose inputs may be one call."""
        return self.verb, tuple(sorted(self.options.items()))


class ChanceRecorder:
    """Logits processor that changes nothing, and keeps how likely each token is until the next ones are drawn.

    Args:
        samples: texts of the request.
        top: likeliest tokens to keep of each place.
        inner: what else rules tokens out.
        normalises: the engine hands over logits, and not log-probabilities already.
    """

    def __init__(self, samples: int, top: int, inner: LogitsProcessor | None, normalises: bool):
        self.samples, self.top, self.inner, self.normalises = samples, top, inner, normalises
        self._rows: list[int] = []
        self._logs = torch.empty(0)
        self.restart()

    def restart(self) -> None:
        """Begin with all samples."""
        self._going_on = list(range(self.samples))

    def __call__(self, logits: Tensor, texts: Tensor, written: Tensor) -> Tensor:
        """Logits (rows, V) as they are; the rows are those of the samples that have not ended, in their order."""
        self._rows, self._going_on = self._going_on, []
        self._logs = logits.float().log_softmax(-1) if self.normalises else logits
        return logits if self.inner is None else self.inner(logits, texts, written)

    def chances(self, sample: int, token: int) -> TokenChances:
        """The chances of the token that has been drawn for a sample."""
        return chances_of(self._logs[self._rows.index(sample)], token, self.top)

    def go_on(self, sample: int) -> None:
        """Note that a sample has not ended."""
        self._going_on.append(sample)


class TokenListener:
    """Reads each token of a request as it is drawn, and says when a stop string has come: a `Request.stop`.

    Args:
        tokenizer: of the texts.
        prompt: the tokens that they go on from.
        samples: how many texts there are.
        stops: strings that end a text and are not part of it.
        recorder: the request's processor, where it is asked how likely tokens are.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt: Sequence[int],
        samples: int,
        stops: Sequence[str],
        recorder: ChanceRecorder | None = None,
    ):
        self._begin = lambda: [(tokenizer.stream(prompt), StopStrings(stops)) for _ in range(samples)]
        self._readers = self._begin()
        self._recorder = recorder
        self._counts, self._known = [0] * samples, [0] * samples
        self._drawn: deque[tuple[int, int, str, TokenChances | None]] = deque()

    def restart(self) -> None:
        """Begin again with the same tokens, of which nobody is told twice."""
        self._readers = self._begin()
        self._known, self._counts = list(map(max, self._known, self._counts)), [0] * len(self._counts)
        if self._recorder is not None:
            self._recorder.restart()

    def __call__(self, sample: int, token: int) -> bool:
        reader, stops = self._readers[sample]
        chances = None if self._recorder is None else self._recorder.chances(sample, token)
        text = stops.push(reader.push(token))
        self._counts[sample] += 1
        if self._counts[sample] > self._known[sample]:
            self._drawn.append((sample, token, text, chances))
        if self._recorder is not None and not stops.stopped:
            self._recorder.go_on(sample)
        return stops.stopped

    def drawn(self, part: int) -> list[DrawnToken]:
        """The tokens since this was last called, as those of a part of a job."""
        drawn = [DrawnToken(part, *happening) for happening in self._drawn]
        self._drawn.clear()
        return drawn

    def rest(self, sample: int) -> str:
        """The text that was held back, when no more tokens come."""
        reader, stops = self._readers[sample]
        return stops.push(reader.flush()) + stops.flush()

    def is_stopped(self, sample: int) -> bool:
        """True if a stop string has ended the text."""
        return self._readers[sample][1].stopped
