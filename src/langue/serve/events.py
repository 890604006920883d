"""Server-sent events: an answer piece by piece, as OpenAI's clients read it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from langue.serve.service import to_json

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class ServedAnswer(Protocol):
    """An answer that can be sent as a whole or piece by piece."""

    def events(self) -> AsyncGenerator[dict[str, Any]]: ...

    async def whole(self) -> dict[str, Any]: ...


async def respond(answer: ServedAnswer, stream: bool | None) -> Any:
    """The response of an answer: its events as they come, or one object."""
    return EventStream(answer.events()) if stream else JSONResponse(await answer.whole())


class EventStream:
    """A response of JSON objects that are sent as they come, and [DONE] behind the last.

    It begins with the first of them, so that what fails before is an error with a status of its own.

    Args:
        events: the objects.
    """

    def __init__(self, events: AsyncGenerator[dict[str, Any]]):
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        async with aclosing(self._events) as events:
            async for event in events:
                if not begun:
                    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                    begun = True
                await send(_body(to_json(event), more=True))
        await send(_body("[DONE]", more=False))


def _body(data: str, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": more}
