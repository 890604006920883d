"""Uvicorn with limits of our own, and an end that waits for what is under way."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from langue.serve.app import application
from langue.serve.log import ServerLog
from langue.serve.service import Service

SIGNALS = (signal.SIGINT, signal.SIGTERM)

TICK = 0.02
"""Seconds between looks at whether all requests are answered."""

LAST_SECONDS = 1
"""Seconds that connections have for being closed when all is over."""


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 that closes connections on which a request's headers do not come within `header_seconds`."""

    header_seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._alarm: asyncio.TimerHandle | None = None
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._alarm is None:
            self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        self._alarm = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class DrainingServer(uvicorn.Server):
    """A server that takes no new requests after a signal, and ends when those under way are answered.

    A second signal ends it at once.

    Args:
        service: behind all routes.
        log: that tells of the end.
    """

    def __init__(self, service: Service, log: ServerLog):
        super().__init__(_configuration(service, log))
        self.service, self.log = service, log
        self._ending: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Listen to signals, which uvicorn would raise again when all is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.drain)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def drain(self) -> None:
        """Take no new requests, and end when none is under way."""
        if self._ending is not None:
            self.force_exit = self.should_exit = True
            return
        self.service.is_draining = True
        self.log.say("draining", f"langue: ending, {self.service.under_way} requests are under way")
        self._ending = asyncio.get_running_loop().create_task(self._end_when_done())

    async def _end_when_done(self) -> None:
        seconds = self.service.settings.drain_seconds
        try:
            async with asyncio.timeout(seconds):
                while self.service.under_way:
                    await asyncio.sleep(TICK)
        except TimeoutError:
            self.log.say("cut", f"langue: {self.service.under_way} requests were cut off after {seconds:g} s")
        self.should_exit = True


def _configuration(service: Service, log: ServerLog) -> uvicorn.Config:
    settings = service.settings
    protocol: Any = type("Protocol", (PunctualProtocol,), {"header_seconds": settings.header_seconds})
    return uvicorn.Config(
        application(service, log),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=LAST_SECONDS,
        h11_max_incomplete_event_size=settings.header_bytes,
    )


def run(service: Service, log: ServerLog, listener: socket.socket) -> None:
    """Serve at a socket until a signal comes, and all requests under way are answered or `drain_seconds` are over."""
    DrainingServer(service, log).run(sockets=[listener])
