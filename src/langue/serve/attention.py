"""`/v1/attention`: how much the tokens of a text look at each other, or at those of a source."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from langue.errors import LangueError
from langue.serve.bodies import ModelBody
from langue.serve.errors import RequestError
from langue.serve.jobs import CallJob
from langue.serve.models import ATTENTION, ServedModel
from langue.serve.service import aside, asker_of, read_body, service_of, submitted

MOST_TOKENS = 128
"""Tokens of a text, since the answer has a number for each two of them."""

DIGITS = 4
"""Decimals of a weight."""


class AttentionBody(ModelBody):
    """The body of a request for attention weights."""

    input: str
    target: str | None = None
    """The text that an encoder–decoder writes about the input, and looks at it."""
    target_language: str | None = None
    block: int | None = Field(default=None, ge=1)
    """The number of a block with attention; the last of them by default."""


async def attention(request: Request) -> JSONResponse:
    """Answer a request for attention weights."""
    body = await read_body(request, AttentionBody)
    model = service_of(request).models.able(body.model, ATTENTION)
    block = _block(model, body)
    read = await aside(len(body.input), _checked, model, body)
    job = CallJob(asker_of(request).client, "attend", [body.input], _options(model, body))
    with submitted(request, model.calls, job):
        [(tokens, targets, maps)] = await job.results()
    service_of(request).worker.counts.tokens(read=read)
    heads = maps[model.attention_blocks.index(block)].double().cpu().numpy().round(DIGITS).tolist()
    return JSONResponse(
        {
            "object": "attention",
            "model": body.model,
            "block": block,
            "blocks": list(model.attention_blocks),
            "tokens": tokens,
            "targets": targets,
            "heads": heads,
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def _block(model: ServedModel, body: AttentionBody) -> int:
    blocks = model.attention_blocks
    if not blocks:
        raise RequestError(f"{model.name} has no attention; its positions exchange by other means", param="model")
    if body.block is not None and body.block not in blocks:
        raise RequestError(f"blocks of {model.name} with attention are {', '.join(map(str, blocks))}", param="block")
    return blocks[-1] if body.block is None else body.block


def _options(model: ServedModel, body: AttentionBody) -> dict[str, Any]:
    """Options of a task's `attention`.

    Raises:
        RequestError: an encoder–decoder lacks a target, or another model has one.
    """
    if not model.is_rewriter:
        if body.target is not None or body.target_language is not None:
            raise RequestError(f"{model.name} reads one text alone; leave out the target", param="target")
        return {}
    if body.target is None:
        raise RequestError(
            f"{model.name} looks at its input while it writes; give as target what it writes, such as it answers at "
            f"{model.routes[0]}",
            param="target",
        )
    tags = model.task.usual_tags() if body.target_language is None else (body.target_language,)
    return {"target": body.target, "tags": tags}


def _checked(model: ServedModel, body: AttentionBody) -> int:
    """The number of tokens of all texts.

    Raises:
        RequestError: one has none or too many, or cannot be read.
    """
    task, limit = model.task, model.task.model.context_limit
    most = MOST_TOKENS if limit is None else min(MOST_TOKENS, limit)
    texts = {"input": body.input, **({} if body.target is None else {"target": body.target})}
    counts = {}
    for param, text in texts.items():
        is_source = model.is_rewriter and param == "input"
        try:
            counts[param] = len(task.sides.encode_sources([text])[0] if is_source else task.tokenizer.encode(text))
        except LangueError as error:
            raise RequestError(str(error), param=param) from None
        if not 1 <= counts[param] <= most:
            raise RequestError(f"{param} has {counts[param]:,} tokens; give 1 to {most:,} to be looked at", param=param)
    return sum(counts.values())
