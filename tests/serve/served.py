"""A real server on a port of the system's choosing, in a thread of the test's process, with models made for it."""

from __future__ import annotations

import asyncio
import io
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import torch

from langue.data.settings import PairSettings
from langue.models import ModelConfig, build
from langue.search import Index
from langue.serve.address import bind, url_of
from langue.serve.counts import Counts
from langue.serve.lanes import CallLane
from langue.serve.loading import serve
from langue.serve.log import ServerLog
from langue.serve.models import ServedModels
from langue.serve.run import DrainingServer
from langue.serve.searching import ServedIndex, searches
from langue.serve.service import Keys, Service
from langue.serve.settings import ServeSettings
from langue.serve.worker import Worker
from langue.tasks.classify.predict import Classify
from langue.tasks.classify.settings import ClassifySettings
from langue.tasks.embed.predict import Embed
from langue.tasks.generate.predict import Generate
from langue.tasks.rewriting.predict import Rewrite
from langue.tasks.transcribe.ctc_transcriber import CTCTranscriber
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from tiny import text

WORDS = text()

TEXTS = ["the old king", "a red boat on the sea", "stars", "long lost days"]


def writer(seed: int = 0, kind: str = "char", **config: Any) -> Generate:
    """A decoder of random weights, which writes the letters of `WORDS`, or any bytes."""
    size = {} if kind == "char" else {"vocab_size": 300}
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, **size), [WORDS])
    context = 128 if kind == "char" else 256
    settings = {"layers": 2, "width": 32, "heads": 2, "context": context, "dropout": 0.0, **config}
    model = build(ModelConfig(vocab_size=tokenizer.vocab_size, **settings), seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # so that what it writes has a shape of its own
    return Generate(model, tokenizer)


def letters() -> Tokenizer:
    """A tokenizer of the letters of `WORDS`."""
    return train_tokenizer(TokenizerSettings(kind="char"), [WORDS])


def embedder() -> Embed:
    """A model whose vectors are those of an encoder of random weights."""
    tokenizer = letters()
    config = ModelConfig(vocab_size=tokenizer.vocab_size, form="encoder", layers=1, width=16, heads=2, context=64)
    return Embed(build(config), tokenizer)


def judge(outputs: int = 1) -> Classify:
    """A model that judges pairs, by a number or two labels."""
    tokenizer = letters()
    classifier = {"outputs": outputs}
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, form="encoder", layers=1, width=16, heads=2, context=64, segments=2,
        classifier=classifier,
    )  # fmt: skip
    settings = ClassifySettings(kind="number") if outputs == 1 else ClassifySettings(labels=("no", "yes"))
    return Classify(build(config), tokenizer, settings)


def rewriter(kind: type[Rewrite], languages: tuple[str, ...] = ()) -> Rewrite:
    """An encoder–decoder of random weights, which is told one of several languages if there are any."""
    tokenizer = letters()
    size = tokenizer.vocab_size
    sources = {"source_vocab_size": size + len(languages)} if languages else {}
    config = ModelConfig(vocab_size=size, form="seq2seq", layers=1, width=16, heads=2, context=64, **sources)
    return kind(build(config, seed=3), tokenizer, PairSettings(tags=languages, tagged=bool(languages)))


def listener() -> CTCTranscriber:
    """A model that writes down recordings, at random."""
    tokenizer = letters()
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, form="encoder", layers=1, width=16, heads=2, context=200,
        tie_embeddings=False, audio={"features": "whisper", "bins": 24},
    )  # fmt: skip
    return CTCTranscriber(build(config, seed=4), tokenizer)


@dataclass
class Served:
    """A server that runs.

    Attributes:
        url: of it.
        service: behind its routes.
        server: itself.
        http: a client of it.
        loop: its event loop.
    """

    url: str
    service: Service
    server: DrainingServer
    http: httpx2.Client
    loop: asyncio.AbstractEventLoop

    def end(self) -> None:
        """Do what a signal does."""
        self.loop.call_soon_threadsafe(self.server.drain)

    def task(self, name: str) -> Any:
        """The task object of a model."""
        return self.service.models.named(name).task

    def post(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        """The answer to any body."""
        return self.http.post(path, json=body, **options)

    def client(self, key: str = "none", **options: Any) -> openai.OpenAI:
        """OpenAI's own client, which tries nothing twice."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **{"max_retries": 0, "timeout": 60, **options})


def until(condition: Callable[[], bool]) -> None:
    """Wait for what has to happen, and fail if it does not."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def serving(
    tasks: dict[str, Any], keys: tuple[str, ...] = (), drafts: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Served]:
    """Serve tasks by name, and end when the block does."""
    limits = ServeSettings(port=0, **{"drain_seconds": 5.0, **settings})
    worker = Worker(limits.queue, Counts())
    with bind(limits) as listener:
        models = ServedModels(
            [serve(name, task, worker, limits, (drafts or {}).get(name)) for name, task in tasks.items()]
        )
        service = Service(models, worker, limits, Keys(keys), is_private=not keys)
        server = DrainingServer(service, ServerLog())
        ready, loops = threading.Event(), []
        thread = threading.Thread(target=_run, args=(server, listener, ready, loops))
        thread.start()
        assert ready.wait(30)
        try:
            with httpx2.Client(base_url=url_of(listener), timeout=60) as http:
                yield Served(url_of(listener), service, server, http, loops[0])
        finally:
            if not service.is_draining:
                loops[0].call_soon_threadsafe(server.drain)
            thread.join(30)
            assert not thread.is_alive()


def _run(server: DrainingServer, listener: Any, ready: threading.Event, loops: list[Any]) -> None:
    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not running.done():
            await asyncio.sleep(0.001)
        ready.set()
        await running

    asyncio.run(main())


def sound(seconds: float = 1.0) -> bytes:
    """A recording of noise."""
    noise = np.random.default_rng(0).standard_normal(int(16_000 * seconds)) * 3000
    with io.BytesIO() as buffer:
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(noise.clip(-30000, 30000).astype("<i2").tobytes())
        return buffer.getvalue()


def indexed(server: Served, place: Path) -> None:
    """Let a server have an index of `TEXTS`, which is called kings."""
    rows = [{"id": f"row-{number}", "text": text, "year": 2000 + number} for number, text in enumerate(TEXTS)]
    Index.build(rows, place)
    worker, index = server.service.worker, Index.open(place)
    lane = CallLane(searches(index), 8, worker.deliver, worker.breathe)
    worker.lanes.append(lane)
    server.service.indices = {"kings": ServedIndex("kings", index, lane)}
