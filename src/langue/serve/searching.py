"""`/v1/search`: passages of an index that answer a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from langue.errors import listed
from langue.search.index import Index
from langue.serve.bodies import Body
from langue.serve.errors import RequestError
from langue.serve.jobs import CallJob
from langue.serve.lanes import Lane
from langue.serve.service import asker_of, read_body, service_of, submitted

MOST_PASSAGES = 1000


class SearchBody(Body):
    """The body of a search."""

    index: str
    query: str
    k: int = Field(default=10, ge=1, le=MOST_PASSAGES)
    mode: Literal["dense", "text", "hybrid"] | None = None
    where: str | list[str] | dict[str, Any] | None = None


@dataclass(frozen=True)
class ServedIndex:
    """An index under its name, and the lane in which it is searched."""

    name: str
    index: Index
    lane: Lane


def searches(index: Index) -> Mapping[str, Any]:
    """The function of an index by name, as lanes call it."""

    def search(queries: Sequence[tuple[str, Any]], breathe: Any, *, k: int, mode: Any) -> list[Any]:
        return [index.search(query, k, where=where, mode=mode) for query, where in queries]

    return {"search": search}


async def search(request: Request) -> JSONResponse:
    """Answer a search."""
    body = await read_body(request, SearchBody)
    indices = service_of(request).indices
    if body.index not in indices:
        there = f"there are {listed(indices)}" if indices else "this server has none"
        raise RequestError(f"there is no index {body.index:.80}; {there}", 404, param="index", code="index_not_found")
    served = indices[body.index]
    queries = [(body.query, body.where)]
    job = CallJob(asker_of(request).client, "search", queries, {"k": body.k, "mode": body.mode})
    with submitted(request, served.lane, job):
        [hits] = await job.results()
    return JSONResponse({"object": "list", "index": body.index, "data": [hit.as_json() for hit in hits]})
