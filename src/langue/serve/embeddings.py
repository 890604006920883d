"""`/v1/embeddings`: a vector for each text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse

from langue.errors import LangueError
from langue.serve.bodies import ModelBody
from langue.serve.errors import RequestError
from langue.serve.jobs import CallJob
from langue.serve.models import ServedModel
from langue.serve.service import aside, asker_of, check_count, read_body, service_of, submitted

ROUTE = "/v1/embeddings"


class EmbeddingBody(ModelBody):
    """The body of a request for vectors."""

    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None
    prompt_name: str | None = None
    """The purpose of the texts: query, document, or the name of another prompt of the model's."""
    truncate: bool | None = None
    """Cut texts that are longer than the model's context, which are refused otherwise."""


async def embeddings(request: Request) -> JSONResponse:
    """Answer a request for vectors."""
    body = await read_body(request, EmbeddingBody)
    model = service_of(request).models.able(body.model, ROUTE)
    texts = _texts(request, body)
    if body.dimensions not in (None, model.task.size):
        raise RequestError(
            f"vectors of {model.name} have {model.task.size} numbers, and no {body.dimensions}", param="dimensions"
        )
    read = await aside(sum(map(len, texts)), _count, model, texts, body)
    job = CallJob(asker_of(request).client, "embed", texts, {"prompt": body.prompt_name})
    with submitted(request, model.calls, job):
        vectors = await job.results()
    usage = {"prompt_tokens": read, "total_tokens": read}
    asker_of(request).facts.update(usage)
    service_of(request).worker.counts.tokens(read=read)
    shown = _base64 if body.encoding_format == "base64" else np.ndarray.tolist
    data = [
        {"object": "embedding", "index": number, "embedding": shown(vector)} for number, vector in enumerate(vectors)
    ]
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _texts(request: Request, body: EmbeddingBody) -> list[str]:
    values: Any = [body.input] if isinstance(body.input, str) else body.input
    check_count(request, len(values), "input")
    if not all(isinstance(value, str) for value in values):
        raise RequestError(
            "input takes texts and no tokens, since each model has tokens of its own; give a text or a list of such",
            param="input",
        )
    return values


def _count(model: ServedModel, texts: Sequence[str], body: EmbeddingBody) -> int:
    """Tokens of texts as the model reads them.

    Raises:
        RequestError: a text is too long, or there is no such prompt.
    """
    task = model.task
    try:
        before = task.reading.before(body.prompt_name)
    except LangueError as error:
        raise RequestError(str(error), param="prompt_name") from None
    lower = task.reading.lower_case
    rows = task.tokenizer.encode_batch([(before + text).lower() if lower else before + text for text in texts])
    context = task.model.config.context
    around = len(task.tokenizer.pair([])[0])
    most = min(context, task.reading.max_tokens or context)
    for number, row in enumerate(rows):
        over = len(row) + around - most
        if over > 0 and not body.truncate:
            raise RequestError(
                f"input {number} has {len(row) + around:,} tokens, {over:,} more than the {most:,} that {model.name} "
                f"reads; shorten it, or let it be cut by truncate: true",
                param="input",
                code="context_length_exceeded",
            )
    return sum(min(len(row) + around, most) for row in rows)


def _base64(vector: np.ndarray) -> str:
    """A vector's bytes, little-endian fp32, as OpenAI's client asks for them."""
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
