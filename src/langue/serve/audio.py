"""`/v1/audio/transcriptions` and `/v1/audio/translations`: what is said in an uploaded recording."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from langue.data.audio import RATE, read_blocks
from langue.errors import LangueError
from langue.serve.bodies import ModelBody, parse_fields
from langue.serve.errors import RequestError
from langue.serve.jobs import CallJob
from langue.serve.models import ServedModel
from langue.serve.service import asker_of, service_of, submitted
from langue.tasks.transcribe.captions import captions

TRANSCRIBE, TRANSLATE = "/v1/audio/transcriptions", "/v1/audio/translations"

MOST_FIELDS = 32


class AudioBody(ModelBody):
    """The fields of a form with a recording; they come as texts."""

    model_config = ConfigDict(strict=False)

    unsupported: ClassVar[Mapping[str, Collection[Any]]] = {"stream": ("false",), "chunking_strategy": ()}

    language: str | None = None
    prompt: str = ""
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: float = Field(default=0.0, ge=0, le=1)
    timestamp_granularities: list[Literal["segment", "word"]] = Field(default=["segment"])

    def options(self, translates: bool) -> dict[str, Any]:
        """Options of `Transcribe.hear`, of which those that say nothing are left out."""
        chosen: dict[str, Any] = {
            "language": self.language,
            "prompt": self.prompt,
            "temperatures": (self.temperature,) if self.temperature else (),
            "translate": translates,
            "words": "word" in self.timestamp_granularities,
        }
        return {name: value for name, value in chosen.items() if value}


def hearing(route: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of a route that hears."""

    async def hear(request: Request) -> Response:
        """Answer a request with a recording."""
        with service_of(request).uploading():
            body, model, sound = await _received(request, route)
            job = CallJob(asker_of(request).client, "hear", [sound], body.options(route == TRANSLATE))
            with submitted(request, model.calls, job):
                [transcript] = await job.results()
        return _shown(body.response_format, transcript, "translate" if route == TRANSLATE else "transcribe")

    return hear


transcriptions, translations = hearing(TRANSCRIBE), hearing(TRANSLATE)


async def _received(request: Request, route: str) -> tuple[AudioBody, ServedModel, np.ndarray]:
    """The fields of a form, the model that they name, and the recording's samples."""
    async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
        body = parse_fields(AudioBody, _fields(form))
        asker_of(request).facts["model"] = body.model
        service = service_of(request)
        model = service.models.able(body.model, route)
        sound = await asyncio.to_thread(_read, _file(form).file, service.settings.audio_seconds)
    return body, model, sound


def _fields(form: FormData) -> dict[str, Any]:
    """Fields of a form but its file; a name with [] is a list."""
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name == "file":
            continue
        if isinstance(value, UploadFile):
            raise RequestError(f"the field {name:.80} is a file; the recording is called file", param=name[:80])
        if name.endswith("[]"):
            fields.setdefault(name[:-2], []).append(value)
        else:
            fields[name] = value
    return fields


def _file(form: FormData) -> UploadFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise RequestError("the form needs a file called file with the recording; no URL is ever fetched", param="file")
    return file


def _read(file: BinaryIO, most: float) -> np.ndarray:
    """(samples,) at 16 kHz of an uploaded file.

    Raises:
        RequestError: it is no recording, or is longer than so many seconds.
    """
    blocks, count = [], 0
    try:
        for block in read_blocks(file, name="the file"):
            blocks.append(block)
            count += len(block)
            if count > most * RATE:
                raise RequestError(f"the recording is longer than {most:,.0f} s; cut it", param="file")
    except LangueError as error:
        raise RequestError(str(error), param="file") from None
    return np.concatenate(blocks)


def _shown(form: str, transcript: Any, task: str) -> Response:
    if form == "text":
        return PlainTextResponse(transcript.text + "\n")
    if form in ("srt", "vtt"):
        return PlainTextResponse(captions(form, transcript, "the file"))
    seconds = math.ceil(transcript.seconds)
    content: dict[str, Any] = {"text": transcript.text, "usage": {"type": "duration", "seconds": seconds}}
    if form == "verbose_json":
        segments = [
            {"id": number, "start": segment.start, "end": segment.end, "text": segment.text}
            for number, segment in enumerate(transcript.segments)
        ]
        content |= {"task": task, "language": transcript.language, "duration": transcript.seconds, "segments": segments}
        words = [{"word": word.text, "start": word.start, "end": word.end} for word in transcript.words]
        content |= {"words": words} if words else {}
    return JSONResponse(content)
