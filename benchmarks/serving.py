"""A server under load: tokens a second and the time to the first token of 1 to 64 clients, beside others' servers.

`--model` is a GGUF file of a chat model (SmolLM2, say), `--data` a folder of sentence-transformers for the vectors,
which may be left out. All servers listen on the loopback and share the cores with the clients, which are one process of
their own. Clients ask for as many tokens each, greedily, after prompts as long as people's; between two requests each
waits for a time that is drawn from an exponential distribution, so that arrivals are Poisson's.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import langue
from benchmarks.clients import Answered, Body, first_tokens, seconds_of, under_load
from benchmarks.decode import PROMPT, write_folder
from benchmarks.harness import Options, Result, Skip, say, server
from benchmarks.peers import llama_cpp

LENGTHS = (
    225, 199, 65, 97, 57, 62, 104, 118, 22, 97, 146, 94, 107, 98, 126, 64, 122, 57, 126, 54, 133, 168, 51, 61, 120, 89,
    98, 198, 58, 101, 104, 53, 80, 90, 97, 119, 90, 152, 148, 41, 199, 131, 109, 44, 76, 81, 93, 137, 155, 88, 43, 104,
    155, 147, 58, 600, 96, 48, 72, 60, 110, 39, 117, 98,
)  # fmt: skip
"""Words of 64 prompts: a passage and a question about it, as BoolQ has them."""

CLIENTS = (1, 4, 16, 64)
NEW = 32
PAUSE = 0.2
"""Mean seconds between a client's answer and its next request."""

TEXTS = 8
"""Texts of a request for vectors."""


@dataclass(frozen=True)
class Load:
    """A number of clients, of which each asks a number of times."""

    clients: int
    requests: int
    new: int

    def bodies(self, body: Callable[[int], Body]) -> list[list[Body]]:
        """The requests of each client, of which no two are alike."""
        counts = range(self.requests)
        return [[body(client * self.requests + turn) for turn in counts] for client in range(self.clients)]


def run(options: Options) -> Result:
    """Rows by server and number of clients, then HTTP's cost, then vectors."""
    if options.model is None or options.model.suffix != ".gguf":
        raise Skip("serving needs --model FILE.gguf of a chat model")
    quick = options.quick
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = f"{place}/model"
        write_folder(options.model, folder)
        text = Path(place) / "text.txt"
        text.write_text("\n".join(map(prompt_of, range(8))), encoding="utf-8")
        langue.shrink(folder, f"{folder}-int8", to="int8", calibrate=text, measure=text, seconds=0.5)
        loads = [Load(count, 2 if quick else max(2, 24 // count), 8 if quick else NEW) for count in CLIENTS]
        loads = loads[::2] if quick else loads
        for name, command, model in _servers(folder):
            say(f"{name} …")
            with server(command) as url:
                rows += [_row(name, load, _under_load(f"{url}/v1/completions", model, load)) for load in loads]
        rows.append(_engine_alone(folder, loads[-1]))
    if options.data is not None:
        rows += _vectors(options.data, quick)
    columns = {
        "what": "what", "by": "by", "clients": "clients", "value": "a second", "first": "first token p50 (s)",
        "late": "p99 (s)", "each": "token after token p50 (ms)",
    }  # fmt: skip
    middle = round(statistics.median(LENGTHS))
    notes = [
        f"{options.model.name} in single precision; {loads[0].new} tokens each, or as many as come before the end, "
        f"after prompts of {min(LENGTHS)} to {max(LENGTHS)} words (median {middle}), greedily, streamed; exponential "
        f"pauses of {PAUSE} s on average; servers and clients share the cores. The last row of writing is the engine "
        "alone with the requests of the most clients, all of which are there from the beginning."
    ]
    return {"title": "Serving", "columns": columns, "rows": rows, "notes": notes}


def _servers(folder: str) -> Iterator[tuple[str, list[str], str]]:
    """Name and command of each server, behind which its port is put, and the name of the model there."""
    yield "langue serve", [sys.executable, "-m", "langue", "serve", f"model={folder}", "--port"], "model"
    eight = [sys.executable, "-m", "langue", "serve", f"model={folder}-int8", "--port"]
    yield "langue serve, int8", eight, "model"
    if llama_cpp.is_there():
        file = llama_cpp.quantized(Path(folder) / "model.gguf", "Q8_0")
        yield "llama-server, Q8_0", llama_cpp.command(file, 16, os.cpu_count() or 1), "model"
    else:
        say("without llama.cpp, whose programs are not on the PATH")
    if any(importlib.util.find_spec(name) is None for name in ("fastapi", "transformers")):
        say("without transformers serve, which wants FastAPI")
        return
    program = str(Path(sys.executable).with_name("transformers"))
    yield "transformers serve", [program, "serve", folder, "--continuous-batching", "--port"], folder


def _under_load(url: str, model: str, load: Load) -> list[Answered]:
    """What clients saw that write."""
    settings = {"model": model, "max_tokens": load.new, "temperature": 0, "stream": True}
    return under_load(url, load.bodies(lambda number: {"prompt": prompt_of(number), **settings}), PAUSE)


def _row(name: str, load: Load, answers: Sequence[Answered]) -> dict[str, Any]:
    gaps = [b - a for answer in answers for a, b in zip(answer.tokens, answer.tokens[1:], strict=False)]
    return {
        "what": "tokens written", "by": name, "clients": load.clients,
        "value": sum(len(answer.tokens) for answer in answers) / seconds_of(answers), **first_tokens(answers),
        "each": 1e3 * statistics.median(gaps) if gaps else None,
    }  # fmt: skip


def _engine_alone(folder: str, load: Load) -> dict[str, Any]:
    """The same requests by the engine itself, in this process."""
    from langue.engine import Engine, EngineSettings, SamplingSettings

    task = langue.load(folder, task="generate", device="cpu")
    settings = SamplingSettings(max_tokens=load.new, temperature=0.0)
    prompts = [task.encode(prompt_of(number)) for number in range(load.clients * load.requests)]
    engine = Engine(task.model, EngineSettings(batch_rows=64))
    start = time.perf_counter()
    written = engine.run([task.request(prompt, settings) for prompt in prompts])
    value = sum(len(best[0].tokens) for best in written) / (time.perf_counter() - start)
    return {"what": "tokens written", "by": "the engine without HTTP", "clients": None, "value": value}


def _vectors(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Vectors of texts by both servers."""
    ours = [sys.executable, "-m", "langue", "serve", f"model={folder}", "--port"]
    theirs = [sys.executable, "-m", "benchmarks.peers.embed_server", str(folder)]
    rows = []
    for name, command in (("langue serve", ours), ("sentence-transformers behind Starlette", theirs)):
        say(f"{name} …")
        with server(command) as url:
            for clients in (1, 16):
                load = Load(clients, 2 if quick else max(4, 64 // clients), 0)
                answers = under_load(f"{url}/v1/embeddings", load.bodies(_texts), PAUSE)
                row = _row(name, load, answers)  # of which each answer is one line
                rows.append({**row, "what": "texts embedded", "value": TEXTS * row["value"]})
    return rows


def prompt_of(number: int) -> str:
    """A prompt of as many words as the recorded one of this number has, which begins otherwise than all others."""
    words = PROMPT.split()
    count = LENGTHS[number % len(LENGTHS)]
    return " ".join([f"Number {number}.", *(words[place % len(words)] for place in range(count))])


def _texts(number: int) -> Body:
    texts = [prompt_of(TEXTS * number + place) for place in range(TEXTS)]
    return {"model": "model", "input": [" ".join(text.split()[:60]) for text in texts]}
