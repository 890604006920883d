"""`/v1/rerank`: documents in the order in which they answer a query, as Jina and Cohere have it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from langue.serve.bodies import Body, ModelBody
from langue.serve.jobs import CallJob
from langue.serve.service import asker_of, check_count, read_body, service_of, submitted

ROUTE = "/v1/rerank"


class DocumentBody(Body):
    """A document as an object."""

    text: str


class RerankBody(ModelBody):
    """The body of a request to rerank."""

    query: str
    documents: list[str | DocumentBody]
    top_n: int | None = None
    return_documents: bool | None = None


async def rerank(request: Request) -> JSONResponse:
    """Answer a request to rerank."""
    body = await read_body(request, RerankBody)
    model = service_of(request).models.able(body.model, ROUTE)
    texts = [document if isinstance(document, str) else document.text for document in body.documents]
    check_count(request, len(texts), "documents")
    pairs = [(body.query, text) for text in texts]
    job = CallJob(asker_of(request).client, "judge", pairs)
    with submitted(request, model.calls, job):
        scores = await job.results()
    order = sorted(range(len(texts)), key=lambda number: -scores[number])
    shows = body.return_documents is not False
    results = [
        {"index": number, "relevance_score": scores[number], **({"document": {"text": texts[number]}} if shows else {})}
        for number in (order if body.top_n is None else order[: max(0, body.top_n)])
    ]
    tokens = sum(map(len, model.task.tokenizer.encode_batch([body.query, *texts])))
    service_of(request).worker.counts.tokens(read=tokens)
    return JSONResponse({"model": body.model, "results": results, "usage": {"total_tokens": tokens}})
