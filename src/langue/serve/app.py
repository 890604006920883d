"""The application: one table of routes, behind one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import Route

from langue.serve.attention import attention
from langue.serve.audio import transcriptions, translations
from langue.serve.chat import chat_completions
from langue.serve.completions import completions
from langue.serve.embeddings import embeddings
from langue.serve.gate import Gate
from langue.serve.listing import health, metrics, model, models
from langue.serve.log import ServerLog
from langue.serve.models import ATTENTION
from langue.serve.page import page
from langue.serve.rerank import rerank
from langue.serve.rewriting import summarize, translate
from langue.serve.searching import search
from langue.serve.service import Service

Handler = Callable[[Request], Awaitable[Any]]

HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/"): page,
    ("GET", "/health"): health,
    ("GET", "/metrics"): metrics,
    ("GET", "/v1/models"): models,
    ("GET", "/v1/models/{name:path}"): model,
    ("POST", "/v1/completions"): completions,
    ("POST", "/v1/chat/completions"): chat_completions,
    ("POST", "/v1/embeddings"): embeddings,
    ("POST", "/v1/audio/transcriptions"): transcriptions,
    ("POST", "/v1/audio/translations"): translations,
    ("POST", "/v1/rerank"): rerank,
    ("POST", "/v1/translate"): translate,
    ("POST", "/v1/summarize"): summarize,
    ("POST", "/v1/search"): search,
    ("POST", ATTENTION): attention,
}
"""All routes. The gate stands before each of them, and before whatever is none."""


def application(service: Service, log: ServerLog) -> Starlette:
    """The ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.worker.start()
        try:
            yield
        finally:
            service.worker.stop()

    middleware = [Middleware(Gate, service=service, log=log)]
    if service.settings.cors:
        allowed = {"allow_methods": ["GET", "POST"], "allow_headers": ["Authorization", "Content-Type"]}
        middleware.insert(0, Middleware(CORSMiddleware, allow_origins=list(service.settings.cors), **allowed))
    routes = [Route(path, _counted(path, handler), methods=[method]) for (method, path), handler in HANDLERS.items()]
    app = Starlette(
        routes=routes, middleware=middleware, exception_handlers={HTTPException: _raise_again}, lifespan=lifespan
    )
    app.state.service = service
    return app


def _counted(path: str, handler: Handler) -> Handler:
    """A handler whose requests are counted under its route."""

    async def handle(request: Request) -> Any:
        request.scope["langue.route"] = path
        return await handler(request)

    return handle


def _raise_again(request: Request, error: Exception) -> NoReturn:
    """Leave an error to the gate, which answers all of them alike."""
    raise error
