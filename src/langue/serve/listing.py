"""`/v1/models`, `/health` and `/metrics`: what a server has and how it is."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from langue.serve.lanes import WritingLane
from langue.serve.models import ServedModel
from langue.serve.service import service_of


async def models(request: Request) -> Response:
    """All models, and the names of all indices beside them."""
    service = service_of(request)
    data = [_shown(model) for model in service.models]
    return JSONResponse({"object": "list", "data": data, "indices": list(service.indices)})


async def model(request: Request) -> Response:
    """One model."""
    return JSONResponse(_shown(service_of(request).models.named(request.path_params["name"])))


def _shown(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "langue",
        "task": model.task.name,
        "context": model.task.model.context_limit,
        "routes": list(model.routes),
        "attention_blocks": list(model.attention_blocks),
        "languages": list(model.task.sides.tags) if model.is_rewriter else [],
        "has_chat_template": bool(model.task.tokenizer.chat_templates),
    }


async def health(request: Request) -> Response:
    """Status 200 while requests are taken, and 503 when they are not."""
    service = service_of(request)
    if service.is_draining or not service.worker.is_alive:
        return JSONResponse({"status": "draining" if service.is_draining else "failed"}, 503)
    return JSONResponse({"status": "ok"})


async def metrics(request: Request) -> Response:
    """Counts, as Prometheus reads them."""
    service = service_of(request)
    rows = sum(lane.rows for lane in service.worker.lanes if isinstance(lane, WritingLane))
    text = service.worker.counts.text(waiting=service.worker.waiting, running=rows)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
