"""The service behind all routes: models, the worker, limits and counts, and who may ask."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from starlette.requests import Request

from langue.serve.bodies import Body, ModelBody, parse_body
from langue.serve.errors import RequestError, too_busy
from langue.serve.jobs import Job
from langue.serve.lanes import Lane
from langue.serve.models import ServedModels
from langue.serve.settings import ServeSettings
from langue.serve.worker import Worker

if TYPE_CHECKING:
    from langue.serve.searching import ServedIndex

Kind = TypeVar("Kind", bound=Body)
Result = TypeVar("Result")

LONG_TEXT = 20_000
"""Characters that are encoded while everybody waits, which takes some milliseconds."""


class Keys:
    """Keys, of which a request has to show one; without any, nobody is asked.

    Args:
        keys: they.
    """

    def __init__(self, keys: Sequence[str] = ()):
        self._keys = [key.encode() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def owner(self, authorization: str) -> str | None:
        """A name for whoever has the key of a header, in a time that does not tell how near a wrong one is.

        Args:
            authorization: "Bearer KEY".
        """
        scheme, _, key = authorization.partition(" ")
        same = [hmac.compare_digest(key.strip().encode("utf-8", "surrogateescape"), known) for known in self._keys]
        return f"key {same.index(True) + 1}" if scheme.lower() == "bearer" and any(same) else None


@dataclass
class Service:
    """All that routes need.

    Attributes:
        models: by name.
        worker: that owns them.
        settings: limits.
        indices: by name, what can be searched.
        keys: of those who may ask.
        is_private: it asks for no key, since it listens at the loopback alone; then it answers to no other name, lest a
            page of another server lead a browser here by a name of its own.
        is_draining: no new requests are taken, since the server is to end.
        under_way: requests that are being answered.
        uploads: of these, those with recordings.
    """

    models: ServedModels
    worker: Worker
    settings: ServeSettings
    keys: Keys
    indices: Mapping[str, ServedIndex] = field(default_factory=dict)
    is_private: bool = False
    is_draining: bool = False
    under_way: int = 0
    uploads: int = 0

    @contextmanager
    def uploading(self) -> Generator[None]:
        """A context for a request with a recording.

        Raises:
            RequestError: there are too many at once.
        """
        if self.uploads >= self.settings.uploads:
            raise too_busy(self.worker.seconds_to_wait())
        self.uploads += 1
        try:
            yield
        finally:
            self.uploads -= 1

    started: float = field(default_factory=time.time)


class Asker(NamedTuple):
    """The client of one request, and what is known of the request.

    Attributes:
        client: a name for turns to be fair.
        facts: what the log tells of the request.
    """

    client: str
    facts: dict[str, Any]


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    return request.app.state.service


def asker_of(request: Request) -> Asker:
    """The client of a request."""
    return request.scope["langue.asker"]


async def read_body(request: Request, kind: type[Kind]) -> Kind:
    """The body of a request, checked.

    Raises:
        RequestError: it is no JSON, or not as the route has it.
    """
    kind_of_content = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind_of_content != "application/json":
        raise RequestError(f"the body should be application/json, not {kind_of_content:.80}", 415)
    body = parse_body(kind, await request.body())
    if isinstance(body, ModelBody):
        asker_of(request).facts["model"] = body.model
    return body


@contextmanager
def submitted(request: Request, lane: Lane, job: Job) -> Generator[None]:
    """Let a job be done, and let it go afterwards, whatever happened.

    Raises:
        RequestError: too many wait already.
    """
    worker = service_of(request).worker
    worker.submit(lane, job)
    try:
        yield
    finally:
        worker.cancel(job)


def check_count(request: Request, count: int, param: str) -> None:
    """Refuse no inputs at all, and more than the server takes at once.

    Raises:
        RequestError: names the parameter.
    """
    most = service_of(request).settings.inputs
    if not 1 <= count <= most:
        raise RequestError(f"{param} has {count:,} texts; give 1 to {most:,}", param=param)


async def aside(size: int, function: Callable[..., Result], *args: Any, **options: Any) -> Result:
    """The result of a function of texts, called in a thread of its own where they are so long that others would wait.

    Args:
        size: of the texts, in characters.
        function: to call; the others are its arguments.
    """
    if size <= LONG_TEXT:
        return function(*args, **options)
    return await asyncio.to_thread(function, *args, **options)


def to_json(content: Any) -> str:
    """JSON on one line."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
