"""Sentence-transformers behind a Starlette application of one route, as people write it; takes a folder and a port."""

from __future__ import annotations

import sys

import uvicorn
from sentence_transformers import SentenceTransformer
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


def application(folder: str) -> Starlette:
    """The application; requests take turns in a thread."""
    model = SentenceTransformer(folder, device="cpu")

    async def embeddings(request: Request) -> JSONResponse:
        texts = (await request.json())["input"]
        vectors = await run_in_threadpool(model.encode, texts)
        data = [{"object": "embedding", "index": n, "embedding": vector.tolist()} for n, vector in enumerate(vectors)]
        return JSONResponse({"object": "list", "data": data, "model": "model"})

    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[Route("/health", health), Route("/v1/embeddings", embeddings, methods=["POST"])],
    )


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
