"""A server under load: tokens a second and the time to the first token of 1 to 64 clients, beside others' servers.

`--model` is a GGUF file of a chat model (SmolLM2, say), `--data` a folder of sentence-transformers for the vectors,
which may be left out. All servers listen on the loopback and share the cores with the clients, which are one process of
their own. Clients ask for as many tokens each, greedily, after prompts as long as people's; between two requests each
waits for a time that is drawn from an exponential distribution, so that arrivals are Poisson's.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import langue
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


@dataclass(frozen=True)
class Answered:
    """A request that was answered: seconds of the clock when it was sent and when its tokens came."""

    sent: float
    tokens: tuple[float, ...]


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
    """What clients saw that are one process of their own."""
    given = {"url": url, "model": model, "clients": load.clients, "requests": load.requests, "new": load.new}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", json.dumps(given)],
        stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return [Answered(each["sent"], tuple(each["tokens"])) for each in json.loads(done.stdout)]


def _row(name: str, load: Load, answers: Sequence[Answered]) -> dict[str, Any]:
    first = sorted(answer.tokens[0] - answer.sent for answer in answers)
    gaps = [b - a for answer in answers for a, b in zip(answer.tokens, answer.tokens[1:], strict=False)]
    seconds = max(answer.tokens[-1] for answer in answers) - min(answer.sent for answer in answers)
    return {
        "what": "tokens written", "by": name, "clients": load.clients,
        "value": sum(len(answer.tokens) for answer in answers) / seconds, "first": statistics.median(first),
        "late": first[min(len(first) - 1, int(0.99 * len(first)))],
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
                answers = _under_load(f"{url}/v1/embeddings", "model", load)
                row = _row(name, load, answers)  # of which each answer is one line
                rows.append({**row, "what": "texts embedded", "value": TEXTS * row["value"]})
    return rows


def prompt_of(number: int) -> str:
    """A prompt of as many words as the recorded one of this number has, which begins otherwise than all others."""
    words = PROMPT.split()
    count = LENGTHS[number % len(LENGTHS)]
    return " ".join([f"Number {number}.", *(words[place % len(words)] for place in range(count))])


async def _clients(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All clients, each of which asks one time after the other."""

    async def client(number: int) -> list[dict[str, Any]]:
        draws, answers = random.Random(number), []
        for turn in range(given["requests"]):
            await asyncio.sleep(draws.expovariate(1 / PAUSE))
            answers.append(await _ask(given, number * given["requests"] + turn))
        return answers

    together = await asyncio.gather(*map(client, range(given["clients"])))
    return [answer for answers in together for answer in answers]


async def _ask(given: Mapping[str, Any], number: int) -> dict[str, Any]:
    """One request over a connection of its own, which is all that a client needs of HTTP."""
    if given["url"].endswith("/v1/embeddings"):
        body: dict[str, Any] = {"model": given["model"], "input": [prompt_of(TEXTS * number + n) for n in range(TEXTS)]}
        body["input"] = [" ".join(text.split()[:60]) for text in body["input"]]
    else:
        body = {"prompt": prompt_of(number), "max_tokens": given["new"], "temperature": 0, "stream": True}
        body["model"] = given["model"]
    host, path = given["url"].removeprefix("http://").split("/", 1)
    content = json.dumps(body).encode()
    head = f"POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n"
    address, port = host.split(":")
    sent = time.perf_counter()
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
    status = await reader.readline()
    if b" 200 " not in status:
        raise SystemExit(f"the server answered {status.decode().strip()}: {(await reader.read(2000)).decode()}")
    times = []
    async for line in reader:
        if is_answer(line):
            times.append(time.perf_counter())
    writer.close()
    return {"sent": sent, "tokens": times}


def is_answer(line: bytes) -> bool:
    """Whether a line of an answer brings vectors, or a token."""
    if not line.startswith(b"data: {"):
        return line.startswith(b"{")
    choices = json.loads(line[6:]).get("choices") or [{}]
    return bool(choices[0].get("text"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_clients(json.loads(sys.argv[1])))))
