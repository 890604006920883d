"""The gate before all routes: keys, limits of size and time, clients that leave, errors, and a line of log."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langue.errors import LangueError
from langue.serve.address import is_loopback
from langue.serve.errors import RequestError
from langue.serve.log import ServerLog
from langue.serve.service import Asker, Service, to_json

OPEN = frozenset({"/health", "/"})
"""The routes that ask for no key: one tells whether the server takes requests, and nothing else; the other is a page
that is the same on every server, and asks for a key itself."""

UPLOADS = "/v1/audio/"
"""The routes whose bodies are recordings."""

GONE = 499
"""Status in the log of a request whose client has left before it was answered."""

LAST_WORDS = 1.0
"""Seconds in which a client may hear that its stream has failed."""


class Gate:
    """An ASGI application around another, through which every request goes.

    Args:
        app: the routes.
        service: behind them.
        log: of requests.
    """

    def __init__(self, app: ASGIApp, service: Service, log: ServerLog):
        self.app, self.service, self.log = app, service, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Passage(self, scope, receive, send).run()
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)


class _Passage:
    """One request on its way through.

    Args:
        gate: that it goes through.
        scope: of ASGI, as are `receive` and `send`.
    """

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send):
        self.app, self.service, self.log = gate.app, gate.service, gate.log
        self.scope, self._receive, self._send = scope, receive, send
        self.headers = Headers(scope=scope)
        self.path: str = scope["path"]
        self.status = 0
        self.is_stream = False
        self._size = 0
        self._is_read = asyncio.Event()
        self._begun = time.monotonic()
        settings = self.service.settings
        self._most = settings.upload_bytes if self.path.startswith(UPLOADS) else settings.body_bytes
        self.facts: dict[str, Any] = {"id": f"req_{uuid.uuid4().hex[:20]}"}

    async def run(self) -> None:
        """Let the request through, and answer whatever comes of it."""
        self.service.under_way += 1
        try:
            self._check()
            await self._within_limits()
        except ClientDisconnect:
            self.status = self.status or GONE
        except Exception as error:
            await self._refuse(_as_request_error(error, self.log, self.facts))
        finally:
            self.service.under_way -= 1
            self._note()

    def _check(self) -> None:
        """Refuse those without a key, what is too large, and whatever comes while the server drains."""
        self._check_page()
        host = (self.scope.get("client") or ("",))[0]
        client = host
        if self.service.keys and self.path not in OPEN:
            owner = self.service.keys.owner(self.headers.get("authorization", ""))
            if owner is None:
                raise RequestError(
                    "a key is needed: send it as Authorization: Bearer KEY", 401, code="invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
            client = f"{owner} {host}"
        self.scope["langue.asker"] = Asker(client, self.facts)
        if self.service.is_draining and self.path not in OPEN:
            raise RequestError("the server is about to end and takes no new requests", 503, code="draining")
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._most:
            raise self._too_large()

    def _check_page(self) -> None:
        """Refuse pages of other servers, which a browser on this machine may have open."""
        host, origin = self.headers.get("host", ""), self.headers.get("origin")
        allowed = (None, f"http://{host}", f"https://{host}", *self.service.settings.cors)
        if origin not in allowed and "*" not in allowed:
            raise RequestError(
                f"pages of {origin:.80} may not use this server; name them by --cors", 403, code="origin"
            )
        if self.service.is_private and not is_loopback(_without_port(host)):
            raise RequestError(
                f"the server is this machine's alone, and not {host:.80}; give it keys by --key-file, or say --no-key",
                403,
                code="host",
            )

    def _too_large(self) -> RequestError:
        return RequestError(f"the body has more than {self._most:,} bytes", 413, code="body_too_large")

    async def _within_limits(self) -> None:
        """Run the application until it has answered, its client leaves, or its time is over."""
        work = asyncio.ensure_future(self.app(self.scope, self._read, self._answer))
        leaving = asyncio.ensure_future(self._left())
        try:
            seconds = self.service.settings.seconds
            done, _ = await asyncio.wait({work, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if work in done:
                work.result()
            elif leaving in done:
                raise ClientDisconnect
            else:
                # OpenAI's clients would ask again by themselves, which takes as long again.
                headers = {"x-should-retry": "false"}
                raise RequestError(f"the request took longer than {seconds:g} s", 408, code="timeout", headers=headers)
        finally:
            for task in (work, leaving):
                task.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)

    async def _read(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._most:
                raise self._too_large()
            if not message.get("more_body", False):
                self._is_read.set()
        return message

    async def _left(self) -> None:
        """Return when the client has left, once all of the body has been read."""
        await self._is_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=message["headers"])
            self.is_stream = headers.get("content-type", "").startswith("text/event-stream")
            message["headers"] = [*message["headers"], (b"x-request-id", self.facts["id"].encode())]
        await self._send(message)

    async def _refuse(self, error: RequestError) -> None:
        """Answer with an error, in a stream that has begun as its last event."""
        self.facts["error"] = error.code or error.message
        if not self.status:
            headers = {**error.headers, **({"Connection": "close"} if error.status in (408, 413) else {})}
            response = JSONResponse(error.content(), error.status, headers)
            await response(self.scope, self._receive, self._answer)
        elif self.is_stream:
            event = f"data: {to_json(error.content())}\n\n".encode()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):  # who does not read does not hear this either
                    await self._send({"type": "http.response.body", "body": event, "more_body": False})

    def _note(self) -> None:
        route = self.scope.get("langue.route", "other")
        self.service.worker.counts.request(route, self.status)
        seconds = round(time.monotonic() - self._begun, 4)
        self.log.request(
            {"method": self.scope["method"], "path": self.path, "status": self.status, "seconds": seconds, **self.facts}
        )


def _without_port(host: str) -> str:
    """The name or number in a Host header."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _as_request_error(error: Exception, log: ServerLog, facts: dict[str, Any]) -> RequestError:
    """Whatever has gone wrong, as an error that a client may see."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, LangueError):
        return RequestError(str(error))
    if isinstance(error, HTTPException):
        return RequestError(str(error.detail), error.status_code, headers=error.headers)
    log.fault(facts["id"], error)
    return RequestError(f"the server has failed; its log says why under {facts['id']}", 500, code="internal_error")
