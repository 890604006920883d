"""The common part of completions and chats: parameters of sampling, limits, and texts piece by piece."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from langue.engine import Hypothesis, SamplingSettings
from langue.engine import Request as EngineRequest
from langue.engine.group import needs_logits
from langue.errors import LangueError
from langue.serve.bodies import ModelBody
from langue.serve.calls import TokenChances
from langue.serve.errors import RequestError
from langue.serve.jobs import ChanceRecorder, DrawnToken, Finished, TokenListener, WritingJob
from langue.serve.models import ServedModel
from langue.serve.service import asker_of, service_of, submitted
from langue.serve.settings import ServeSettings
from langue.version import VERSION

MOST_LIKELY = 20
"""The most of the likeliest tokens of a place that are told."""

FINGERPRINT = f"langue-{VERSION}"

MOST_STOPS, LONGEST_STOP = 16, 1000
"""Stop strings of a request, and characters of each."""


class StreamOptions(BaseModel):
    """Options of a stream: whether its last event tells how many tokens were used."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    include_usage: bool | None = None


class SamplingBody(ModelBody):
    """The parameters that completions and chats share, as OpenAI and vLLM name them."""

    temperature: float | None = Field(default=None, ge=0, le=100)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, gt=0)
    min_tokens: int | None = Field(default=None, ge=0)
    seed: int | None = Field(default=None, ge=-(1 << 63), lt=1 << 63)
    n: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None

    @property
    def stops(self) -> list[str]:
        """Stop strings.

        Raises:
            RequestError: they are too many or too long.
        """
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        if len(stops) > MOST_STOPS or any(not 1 <= len(stop) <= LONGEST_STOP for stop in stops):
            raise RequestError(
                f"stop takes up to {MOST_STOPS} strings of 1 to {LONGEST_STOP:,} characters", param="stop"
            )
        return stops

    @property
    def tells_usage(self) -> bool:
        """True if a stream is to tell how many tokens were used."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    def sampling(self, max_tokens: int) -> SamplingSettings:
        """The settings of an engine; without a seed, a fresh one.

        Raises:
            RequestError: fewer tokens at most than at least.
        """
        if (self.min_tokens or 0) > max_tokens:
            raise RequestError(
                f"min_tokens is {self.min_tokens:,}, more than the {max_tokens:,} at most", param="min_tokens"
            )
        chosen: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k if self.top_k and self.top_k > 0 else None,
            "min_p": self.min_p or None,
            "repetition_penalty": self.repetition_penalty,
            "min_tokens": self.min_tokens,
            "samples": self.n,
        }
        seed = secrets.randbits(31) if self.seed is None else self.seed
        return SamplingSettings(
            max_tokens=max_tokens, seed=seed, **{name: value for name, value in chosen.items() if value is not None}
        )


def room(
    model: ServedModel,
    prompt: Sequence[int],
    wanted: int | None,
    settings: ServeSettings,
    param: str = "max_tokens",
    prompt_param: str = "prompt",
) -> int:
    """New tokens that a text behind a prompt may have.

    Args:
        model: that writes.
        prompt: tokens.
        wanted: how many are asked for; None for as many as there is room for.
        settings: limits.
        param: the name of the parameter that asks.
        prompt_param: that of the prompt.

    Raises:
        RequestError: the prompt or what is asked for is too long; says by how much.
    """
    limit = model.task.model.context_limit
    most = settings.max_prompt_tokens if limit is None else min(limit, settings.max_prompt_tokens or limit)
    if most is not None and len(prompt) > most:
        over = len(prompt) - most
        raise RequestError(
            f"the prompt has {len(prompt):,} tokens, {over:,} more than the {most:,} that {model.name} takes",
            param=prompt_param,
            code="context_length_exceeded",
        )
    # The last token is written, and never read.
    left = settings.max_new_tokens if limit is None else min(settings.max_new_tokens, limit + 1 - len(prompt))
    if wanted is not None and wanted > left:
        raise RequestError(
            f"{param} is {wanted:,}, and behind a prompt of {len(prompt):,} tokens {model.name} writes up to {left:,}",
            param=param,
            code="context_length_exceeded",
        )
    return left if wanted is None else wanted


class Piece(NamedTuple):
    """A piece of one of the texts of a request.

    Attributes:
        choice: the number of the text.
        text: of the piece.
        chances: how likely its tokens were, if that is asked for.
        reason: why the text has ended here; None where it goes on.
    """

    choice: int
    text: str
    chances: Sequence[TokenChances] = ()
    reason: str | None = None


class WrittenChoice(NamedTuple):
    """A whole text of a request.

    Attributes:
        part: the number of its prompt.
        text: up to a stop string.
        reason: why it has ended: "stop", or "length" where the room was used up.
        chances: how likely its tokens were, if that is asked for.
    """

    part: int
    text: str
    reason: str
    chances: Sequence[TokenChances] = ()


@dataclass
class Writer:
    """The texts that one HTTP request asks for.

    Attributes:
        request: of HTTP.
        model: that writes.
        prompts: tokens of each prompt.
        settings: of the choice of tokens.
        stops: strings that end a text.
        top: how many of the likeliest tokens to tell of each place; None tells of no token how likely it was.
        options: what else `Generate.request` takes.
    """

    request: Request
    model: ServedModel
    prompts: Sequence[Sequence[int]]
    settings: SamplingSettings
    stops: Sequence[str] = ()
    top: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.written = 0
        """Tokens that were written, those that end texts as well."""
        most = service_of(self.request).settings.choices
        if self.count > most:
            raise RequestError(
                f"{self.count:,} texts are asked for at once; this server writes {most} at most", param="n"
            )

    @property
    def samples(self) -> int:
        """Texts of each prompt."""
        return self.settings.samples

    @property
    def count(self) -> int:
        """Texts of all prompts."""
        return self.samples * len(self.prompts)

    async def whole(self) -> list[WrittenChoice]:
        """All texts, those of the first prompt first."""
        if self.top is not None:
            return await self._whole_of_pieces()
        job = await self._prepared(listening=bool(self.stops))
        with submitted(self.request, self.model.lane, job):
            results = await job.results()
        self._count(results)
        return [self._choice(part, hypothesis) for part, hypotheses in enumerate(results) for hypothesis in hypotheses]

    async def _whole_of_pieces(self) -> list[WrittenChoice]:
        """The same, of which each token was listened to."""
        texts, chances, reasons = [""] * self.count, [[] for _ in range(self.count)], [""] * self.count
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                texts[piece.choice] += piece.text
                chances[piece.choice] += piece.chances
                reasons[piece.choice] = piece.reason or ""
        numbers = range(self.count)
        return [WrittenChoice(n // self.samples, texts[n], reasons[n], chances[n]) for n in numbers]

    async def pieces(self) -> AsyncGenerator[Piece]:
        """All texts piece by piece, as they become certain; of a text that is written faster than it is sent, more at
        once."""
        job = await self._prepared(listening=True)
        results: list[list[Hypothesis]] = []
        with submitted(self.request, self.model.lane, job):
            async with aclosing(job.happenings()) as arrivals:
                async for happenings in arrivals:
                    pieces = [piece for happening in happenings for piece in self._pieces_of(job, happening, results)]
                    for piece in _by_choice(pieces):
                        yield piece
        self._count(results)

    def _pieces_of(
        self, job: WritingJob, happening: DrawnToken | Finished, results: list[list[Hypothesis]]
    ) -> list[Piece]:
        """Pieces that a token brings, or the end of a prompt's texts, which is kept among results."""
        if isinstance(happening, DrawnToken):
            chances = [] if happening.chances is None else [happening.chances]
            return [Piece(happening.part * self.samples + happening.sample, happening.text, chances)]
        results.append(happening.result)
        listener = job.listener(happening.part)
        return [self._last(listener, happening.part, number, one) for number, one in enumerate(happening.result)]

    @property
    def usage(self) -> dict[str, int]:
        """Tokens that were read and written."""
        read = sum(map(len, self.prompts))
        return {"prompt_tokens": read, "completion_tokens": self.written, "total_tokens": read + self.written}

    async def _prepared(self, listening: bool) -> WritingJob:
        """The job, which takes a while to make where texts have to have a form.

        Raises:
            RequestError: there is no such form.
        """
        if not self.options:
            return self._job(listening)
        try:
            return await asyncio.to_thread(self._job, listening)
        except LangueError as error:
            raise RequestError(str(error), param="response_format") from None

    def _job(self, listening: bool) -> WritingJob:
        """The job; who streams or waits for a stop string listens to each token."""
        requests, listeners = [], []
        for prompt in self.prompts:
            request = self.model.task.request(prompt, self.settings, **self.options)
            request, listener = self._listened(request) if listening else (request, None)
            requests.append(request)
            listeners.append(listener)
        return WritingJob(asker_of(self.request).client, requests, listeners)

    def _listened(self, request: EngineRequest) -> tuple[EngineRequest, TokenListener]:
        recorder = None
        if self.top is not None:
            recorder = ChanceRecorder(self.samples, self.top, request.processor, needs_logits(request))
        listener = TokenListener(self.model.task.tokenizer, request.prompt, self.samples, self.stops, recorder)
        return replace(request, stop=listener, processor=recorder or request.processor), listener

    def _choice(self, part: int, hypothesis: Hypothesis) -> WrittenChoice:
        prompt, cut = self.prompts[part], self.model.task.cut
        whole = cut(hypothesis.tokens, (), prompt)
        text = cut(hypothesis.tokens, self.stops, prompt) if self.stops else whole
        return WrittenChoice(part, text, _reason(hypothesis, text != whole))

    def _last(self, listener: TokenListener | None, part: int, sample: int, hypothesis: Hypothesis) -> Piece:
        """The end of a text in a stream."""
        assert listener is not None
        rest = listener.rest(sample)
        return Piece(part * self.samples + sample, rest, (), _reason(hypothesis, listener.is_stopped(sample)))

    def _count(self, results: Sequence[Sequence[Hypothesis]]) -> None:
        self.written = sum(len(hypothesis.written) for hypotheses in results for hypothesis in hypotheses)
        usage = self.usage
        asker_of(self.request).facts.update(usage)
        service_of(self.request).worker.counts.tokens(read=usage["prompt_tokens"], written=self.written)


def _by_choice(pieces: Sequence[Piece]) -> list[Piece]:
    """One piece of each text, without those that say nothing."""
    joined: dict[int, Piece] = {}
    for piece in pieces:
        before = joined.get(piece.choice)
        if before is not None:
            piece = Piece(piece.choice, before.text + piece.text, [*before.chances, *piece.chances], piece.reason)
        joined[piece.choice] = piece
    return [piece for piece in joined.values() if piece.text or piece.chances or piece.reason]


def _reason(hypothesis: Hypothesis, stopped: bool) -> str:
    return "stop" if hypothesis.ended or stopped else "length"


def extra(seed: int) -> dict[str, Any]:
    """Fields of every answer that writes: by which program, and with which seed it can be had again."""
    return {"system_fingerprint": FINGERPRINT, "seed": seed}
