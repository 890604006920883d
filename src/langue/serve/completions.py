"""`/v1/completions`: a text goes on from each prompt."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from itertools import accumulate
from typing import Any, ClassVar

from pydantic import Field
from starlette.requests import Request

from langue.errors import LangueError
from langue.serve.calls import TokenChances
from langue.serve.errors import RequestError
from langue.serve.events import respond
from langue.serve.jobs import CallJob
from langue.serve.models import ServedModel
from langue.serve.service import aside, asker_of, read_body, service_of, submitted
from langue.serve.writing import MOST_LIKELY, Piece, SamplingBody, Writer, WrittenChoice, extra, room

ROUTE = "/v1/completions"

USUAL_TOKENS = 16
"""New tokens where nobody says how many, as OpenAI has it."""


class CompletionBody(SamplingBody):
    """The body of a request for completions."""

    unsupported: ClassVar[Mapping[str, Collection[Any]]] = {
        "best_of": (1,),
        "frequency_penalty": (0,),
        "logit_bias": ({},),
        "presence_penalty": (0,),
        "suffix": ("",),
    }

    prompt: str | list[str] | list[int] | list[list[int]] = ""
    max_tokens: int | None = Field(default=None, ge=0)
    echo: bool | None = None
    logprobs: int | None = Field(default=None, ge=0, le=MOST_LIKELY)


async def completions(request: Request) -> Any:
    """Answer a request for completions."""
    body = await read_body(request, CompletionBody)
    model = service_of(request).models.able(body.model, ROUTE)
    answer = _Answer(body, await _writer(request, body, model))
    return await respond(answer, body.stream)


async def _writer(request: Request, body: CompletionBody, model: ServedModel) -> Writer:
    settings = service_of(request).settings
    prompts = await aside(len(str(body.prompt)), _prompts, body, model)
    if body.max_tokens == 0 and not body.echo:
        raise RequestError("max_tokens is 0, which is for echo: true alone; ask for 1 or more", param="max_tokens")
    rooms = [room(model, prompt, body.max_tokens, settings, "max_tokens") for prompt in prompts]
    # What nobody asked for does not have to be there.
    most = min([USUAL_TOKENS, *rooms]) if body.max_tokens is None else body.max_tokens
    return Writer(request, model, prompts, body.sampling(max(1, most)), body.stops, body.logprobs)


def _prompts(body: CompletionBody, model: ServedModel) -> list[list[int]]:
    """Tokens of each prompt.

    Raises:
        RequestError: there is none, or the model does not know a token or a character of it.
    """
    prompt: Any = body.prompt
    many = [prompt] if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)) else prompt
    if not many:
        raise RequestError("prompt is an empty list; give a text, or several", param="prompt")
    size = model.task.tokenizer.vocab_size
    for tokens in many:
        if not isinstance(tokens, str) and (not tokens or not all(0 <= token < size for token in tokens)):
            raise RequestError(f"a prompt of tokens has one or more, from 0 to {size - 1:,}", param="prompt")
    try:
        return [model.task.encode(text) for text in many]
    except LangueError as error:
        raise RequestError(str(error), param="prompt") from None


class _Answer:
    """The answer to one request.

    Args:
        body: of the request.
        writer: of its texts.
    """

    def __init__(self, body: CompletionBody, writer: Writer):
        self.body, self.writer = body, writer
        self._tokenizer = writer.model.task.tokenizer
        self._frame = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": body.model,
        }
        self._extra = extra(writer.settings.seed)

    async def whole(self) -> dict[str, Any]:
        """The answer at once."""
        choices = [
            self._choice(number, echo.text + choice.text, [*echo.chances, *choice.chances], choice.reason)
            for echo, (number, choice) in zip(await self._echoes(), enumerate(await self._written()), strict=True)
        ]
        return {**self._frame, "choices": choices, "usage": self.writer.usage, **self._extra}

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """The same piece by piece."""
        fields = {**self._extra, **({"usage": None} if self.body.tells_usage else {})}
        lengths = [0] * self.writer.count
        for piece in await self._echoes() if self.body.echo else ():
            yield {**self._frame, "choices": [self._choice(*piece)], **fields}
            lengths[piece.choice] += len(piece.text)
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                yield {**self._frame, "choices": [self._choice(*piece, lengths[piece.choice])], **fields}
                lengths[piece.choice] += len(piece.text)
        if self.body.tells_usage:
            yield {**self._frame, "choices": [], **fields, "usage": self.writer.usage}

    async def _written(self) -> Sequence[WrittenChoice]:
        """The texts; nothing where no token is asked for."""
        if self.body.max_tokens != 0:
            return await self.writer.whole()
        return [WrittenChoice(number // self.writer.samples, "", "length") for number in range(self.writer.count)]

    async def _pieces(self) -> AsyncGenerator[Piece]:
        if self.body.max_tokens == 0:
            for number in range(self.writer.count):
                yield Piece(number, "", (), "length")
            return
        async with aclosing(self.writer.pieces()) as pieces:
            async for piece in pieces:
                yield piece

    async def _echoes(self) -> list[Piece]:
        """Each text's prompt with how likely its tokens are, as far as that is asked for."""
        writer, chances = self.writer, []
        if self.body.echo and self.body.logprobs is not None:
            job = CallJob(asker_of(writer.request).client, "score", writer.prompts, {"top": self.body.logprobs})
            with submitted(writer.request, writer.model.calls, job):
                chances = await job.results()
        texts = [self._prompt_text(part) if self.body.echo else "" for part in range(len(writer.prompts))]
        parts = [number // writer.samples for number in range(writer.count)]
        return [Piece(n, texts[part], chances[part] if chances else ()) for n, part in enumerate(parts)]

    def _prompt_text(self, part: int) -> str:
        prompt: Any = self.body.prompt
        text = prompt if isinstance(prompt, str) else prompt[part] if len(prompt) > part else None
        return text if isinstance(text, str) else self._tokenizer.decode(self.writer.prompts[part])

    def _choice(
        self, number: int, text: str, chances: Sequence[TokenChances], reason: str | None, begin: int = 0
    ) -> dict[str, Any]:
        logprobs = None if self.body.logprobs is None else self._logprobs(chances, begin)
        return {"index": number, "text": text, "logprobs": logprobs, "finish_reason": reason}

    def _logprobs(self, chances: Sequence[TokenChances], begin: int) -> dict[str, Any]:
        """The chances of tokens in the form of completions; `begin` is the place of the first in the text."""
        names = self._tokenizer.names([chance.token for chance in chances])
        offsets = [begin, *(begin + length for length in accumulate(map(len, names)))][: len(names)]
        top = [None if chance.log_probability is None else self._top(chance) for chance in chances]
        logs = [chance.log_probability for chance in chances]
        return {"tokens": names, "token_logprobs": logs, "top_logprobs": top, "text_offset": offsets}

    def _top(self, chance: TokenChances) -> dict[str, float]:
        names = self._tokenizer.names([token for token, _ in chance.top])
        return dict(zip(names, (log for _, log in chance.top), strict=True))
