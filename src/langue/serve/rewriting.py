"""`/v1/translate` and `/v1/summarize`: another text for each text, by an encoder–decoder."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from langue.serve.bodies import ModelBody
from langue.serve.errors import RequestError
from langue.serve.jobs import WritingJob
from langue.serve.service import aside, asker_of, check_count, read_body, service_of, submitted

if TYPE_CHECKING:
    from langue.tasks.rewriting.predict import Rewrite, Rewritten

TRANSLATE, SUMMARIZE = "/v1/translate", "/v1/summarize"

MOST_BEAMS = 32

MOST_ALIGNED = 16
"""Texts of a request whose alignments are told, which have a number for each two tokens."""

DIGITS = 4
"""Decimals of these."""


class RewriteBody(ModelBody):
    """The body of a request to rewrite texts."""

    input: str | list[str]
    source_language: str | None = None
    target_language: str | None = None
    beams: int | None = Field(default=None, ge=1, le=MOST_BEAMS)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=100)
    length_penalty: float | None = Field(default=None, ge=0)
    seed: int | None = Field(default=None, ge=-(1 << 63), lt=1 << 63)
    alignment: bool | None = None
    """Tell how much each written token looked at each token of its input."""
    user: str | None = None

    def options(self) -> dict[str, Any]:
        """The options of `Rewrite.draft`."""
        fields = ("source_language", "beams", "max_tokens", "temperature", "length_penalty")
        chosen = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        seed = secrets.randbits(31) if self.seed is None else self.seed
        tags = None if self.target_language is None else (self.target_language,)
        return {"tags": tags, "seed": seed, "alignments": bool(self.alignment), **chosen}


def rewriting(route: str) -> Callable[[Request], Awaitable[JSONResponse]]:
    """The handler of a route that rewrites."""

    async def rewrite(request: Request) -> JSONResponse:
        """Answer a request to rewrite texts."""
        body = await read_body(request, RewriteBody)
        service = service_of(request)
        model = service.models.able(body.model, route)
        texts = [body.input] if isinstance(body.input, str) else body.input
        check_count(request, len(texts), "input")
        most = service.settings.max_new_tokens
        if body.max_tokens is not None and body.max_tokens > most:
            raise RequestError(f"this server writes up to {most:,} tokens for a text", param="max_tokens")
        if body.alignment and len(texts) > MOST_ALIGNED:
            raise RequestError(f"alignment is told of up to {MOST_ALIGNED} texts at once", param="alignment")
        options = body.options()
        draft = await aside(sum(map(len, texts)), model.task.draft, texts, **options)
        job = WritingJob(asker_of(request).client, draft.requests)
        with submitted(request, model.lane, job):
            written = await job.results()
        data = [
            {
                "index": number,
                "text": result.text,
                "score": result.scores[0] if result.scores else 0.0,
                **({"alignment": _aligned(model.task, result)} if body.alignment else {}),
            }
            for number, result in enumerate(draft.together(written))
        ]
        read = sum(request.source_length for request in draft.requests)
        new = sum(len(best[0].written) for best in written)
        usage = {"prompt_tokens": read, "completion_tokens": new, "total_tokens": read + new}
        asker_of(request).facts.update(usage)
        service.worker.counts.tokens(read=read, written=new)
        answer = {"object": "list", "model": body.model, "data": data, "usage": usage, "seed": options["seed"]}
        return JSONResponse(answer)

    return rewrite


def _aligned(task: Rewrite, result: Rewritten) -> dict[str, Any] | None:
    """The tokens of a text and of its source, and how much each of the former looked at each of the latter.

    None of a text that was written in several pieces, or none, or without attention.
    """
    best = result.best
    if best is None or best.alignment is None:
        return None
    return {
        "tokens": task.names(best.written),
        "source_tokens": task.source_names(result.read),
        "weights": best.alignment.double().cpu().numpy().round(DIGITS).tolist(),
    }


translate, summarize = rewriting(TRANSLATE), rewriting(SUMMARIZE)
