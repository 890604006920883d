"""`/v1/chat/completions`: the assistant's next message in a conversation."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import Field
from starlette.requests import Request

from langue.engine import StopStrings
from langue.errors import LangueError
from langue.serve.calls import TokenChances
from langue.serve.errors import RequestError
from langue.serve.events import respond
from langue.serve.models import ServedModel
from langue.serve.service import aside, read_body, service_of
from langue.serve.writing import MOST_LIKELY, Piece, SamplingBody, Writer, extra, room
from langue.text.tool_calls import AssistantTurn, read_calls

ROUTE = "/v1/chat/completions"

CALL_BEGINNINGS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>")
"""Texts behind which an assistant calls tools."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class ChatBody(SamplingBody):
    """The body of a request for an answer."""

    unsupported: ClassVar[Mapping[str, Collection[Any]]] = {
        "audio": (),
        "frequency_penalty": (0,),
        "function_call": (),
        "functions": ([],),
        "logit_bias": ({},),
        "metadata": ({},),
        "modalities": (["text"],),
        "parallel_tool_calls": (True,),
        "prediction": (),
        "presence_penalty": (0,),
        "reasoning_effort": (),
        "service_tier": ("auto", "default"),
        "store": (False,),
        "verbosity": (),
        "web_search_options": (),
    }

    messages: list[dict[str, Any]]
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MOST_LIKELY)
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None

    @property
    def top(self) -> int | None:
        """The number of likeliest tokens to tell of each place, or None.

        Raises:
            RequestError: they are asked for without logprobs.
        """
        if self.top_logprobs is not None and not self.logprobs:
            raise RequestError("top_logprobs needs logprobs: true", param="top_logprobs")
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def offered(self) -> list[dict[str, Any]]:
        """The tools that the assistant may call."""
        return [] if self.tool_choice == "none" else self.tools or []

    def form(self) -> dict[str, Any]:
        """The form that texts have to have, as `Generate.request` takes it.

        Raises:
            RequestError: there is no such form or tool.
        """
        if self.tool_choice not in (None, "auto", "none"):
            return {"output": {"schema": {"anyOf": [_call_schema(tool) for tool in self._demanded()]}}}
        match self.response_format or {"type": "text"}:
            case {"type": "text"}:
                return {}
            case {"type": "json_object"}:
                return {"output": {"schema": True}}
            case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
                return {"output": {"schema": schema}}
        raise RequestError(
            "response_format is {type: text}, {type: json_object} or {type: json_schema, json_schema: {name, schema}}",
            param="response_format",
        )

    def _demanded(self) -> list[dict[str, Any]]:
        """Functions of which the assistant has to call one.

        Raises:
            RequestError: there is none.
        """
        functions = [tool["function"] for tool in self.tools or [] if isinstance(tool.get("function"), dict)]
        match self.tool_choice:
            case "required":
                demanded = functions
            case {"type": "function", "function": {"name": name}}:
                demanded = [function for function in functions if function.get("name") == name]
            case _:
                demanded = []
        if not demanded:
            raise RequestError(
                "tool_choice is none, auto, required, or {type: function, function: {name}} of one of tools",
                param="tool_choice",
            )
        return demanded

    def wanted(self) -> tuple[int | None, str]:
        """New tokens that are asked for, and the name of the parameter that asks."""
        if self.max_completion_tokens is None:
            return self.max_tokens, "max_tokens"
        if self.max_tokens not in (None, self.max_completion_tokens):
            raise RequestError("max_tokens and max_completion_tokens differ; give one of them", param="max_tokens")
        return self.max_completion_tokens, "max_completion_tokens"


async def chat_completions(request: Request) -> Any:
    """Answer a request for an answer."""
    body = await read_body(request, ChatBody)
    model = service_of(request).models.able(body.model, ROUTE)
    answer = _ChatAnswer(body, await _writer(request, body, model))
    return await respond(answer, body.stream)


async def _writer(request: Request, body: ChatBody, model: ServedModel) -> Writer:
    try:
        prompt = await aside(len(str(body.messages)), model.chat_template.prompt, body.messages, body.offered)
    except LangueError as error:
        raise RequestError(str(error), param="messages") from None
    wanted, param = body.wanted()
    most = room(model, prompt, wanted, service_of(request).settings, param, "messages")
    return Writer(request, model, [prompt], body.sampling(most), body.stops, body.top, body.form())


def _call_schema(function: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of a call of a function."""
    arguments = function.get("parameters") or {"type": "object"}
    properties = {"name": {"const": function.get("name")}, "arguments": arguments}
    return {
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


class _ChatAnswer:
    """The answer to one request.

    Args:
        body: of the request.
        writer: of its texts.
    """

    def __init__(self, body: ChatBody, writer: Writer):
        self.body, self.writer = body, writer
        self._tokenizer = writer.model.task.tokenizer
        self._frame = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
        self._extra = extra(writer.settings.seed)

    async def whole(self) -> dict[str, Any]:
        """The answer at once."""
        choices = []
        for number, choice in enumerate(await self.writer.whole()):
            turn = read_calls(choice.text) if self.body.offered else AssistantTurn(choice.text, [])
            message: dict[str, Any] = {"role": "assistant", "content": turn.content, "refusal": None}
            if turn.calls:
                message |= {"content": turn.content or None, "tool_calls": _calls(turn)}
            reason = "tool_calls" if turn.calls else choice.reason
            logprobs = self._logprobs(choice.chances)
            choices.append({"index": number, "message": message, "logprobs": logprobs, "finish_reason": reason})
        frame = {**self._frame, "object": "chat.completion"}
        return {**frame, "choices": choices, "usage": self.writer.usage, **self._extra}

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """The same piece by piece."""
        fields = {**self._frame, "object": "chat.completion.chunk", **self._extra}
        fields |= {"usage": None} if self.body.tells_usage else {}
        filters = [_CallFilter(bool(self.body.offered)) for _ in range(self.writer.count)]
        begun: set[int] = set()
        async with aclosing(self.writer.pieces()) as pieces:
            async for piece in pieces:
                if piece.choice not in begun:
                    begun.add(piece.choice)
                    delta = {"role": "assistant", "content": ""}
                    yield {**fields, "choices": [_delta(piece.choice, delta, None, None)]}
                for number, (delta, reason) in enumerate(self._deltas(filters[piece.choice], piece)):
                    logprobs = self._logprobs(() if number else piece.chances)
                    yield {**fields, "choices": [_delta(piece.choice, delta, logprobs, reason)]}
        if self.body.tells_usage:
            yield {**fields, "choices": [], "usage": self.writer.usage}

    def _deltas(self, calls: _CallFilter, piece: Piece) -> list[tuple[dict[str, Any], str | None]]:
        """The parts that a piece adds to its message, and why that ends."""
        text = calls.push(piece.text)
        deltas: list[tuple[dict[str, Any], str | None]] = []
        if piece.reason is None:
            return [({"content": text} if text else {}, None)] if text or piece.chances else []
        turn = calls.end()
        if text or turn.content:
            deltas.append(({"content": text + turn.content}, None))
        if turn.calls:
            made = [{"index": number, **call} for number, call in enumerate(_calls(turn))]
            deltas.append(({"tool_calls": made}, None))
        return [*deltas, ({}, "tool_calls" if turn.calls else piece.reason)]

    def _logprobs(self, chances: Sequence[TokenChances]) -> dict[str, Any] | None:
        if self.body.top is None:
            return None
        content = [
            {
                **self._token(chance.token, chance.log_probability),
                "top_logprobs": [self._token(token, log) for token, log in chance.top],
            }
            for chance in chances
        ]
        return {"content": content, "refusal": None}

    def _token(self, token: int, log: float | None) -> dict[str, Any]:
        name = self._tokenizer.names([token])[0]
        byte = _BYTE.fullmatch(name)
        return {"token": name, "logprob": log, "bytes": [int(byte[1], 16)] if byte else list(name.encode())}


class _CallFilter:
    """Lets the text of an assistant's turn through as long as it surely calls no tool.

    Args:
        offered: there are tools that it may call.
    """

    def __init__(self, offered: bool):
        self.offered = offered
        self._beginnings = StopStrings(CALL_BEGINNINGS)
        self._whole, self._read, self._shown = "", 0, 0

    def push(self, text: str) -> str:
        """The part of the text so far that is certain, and has not been given out."""
        self._whole += text
        if self.offered and self._whole.lstrip()[:1] in ("", "{", "["):
            return ""  # which may be a call without any beginning
        certain = self._beginnings.push(self._whole[self._read :]) if self.offered else text
        self._read = len(self._whole)
        self._shown += len(certain)
        return certain

    def end(self) -> AssistantTurn:
        """The calls, and the content that has not been given out."""
        turn = read_calls(self._whole) if self.offered else AssistantTurn(self._whole, [])
        if turn.calls:
            return AssistantTurn(turn.content.removeprefix(self._whole[: self._shown].strip()), turn.calls)
        return AssistantTurn(self._whole[self._shown :], [])


def _calls(turn: AssistantTurn) -> list[dict[str, Any]]:
    """Calls of tools as OpenAI has them: their arguments are JSON in a text."""
    return [
        {
            "id": f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for call in turn.calls
    ]


def _delta(number: int, delta: dict[str, Any], logprobs: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
    return {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
