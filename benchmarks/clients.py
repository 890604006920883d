"""Clients of a server: one process, in which each asks one time after the other, over a connection of its own."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Body = Mapping[str, Any]
"""What is sent as JSON; with `file`, a path, as a form with this file in it."""


@dataclass(frozen=True)
class Answered:
    """A request that was answered: seconds of the clock when it was sent and when its tokens, or all of it, came."""

    sent: float
    tokens: tuple[float, ...]


def under_load(url: str, bodies: Sequence[Sequence[Body]], pause: float = 0.0) -> list[Answered]:
    """What clients of another process see.

    Args:
        url: of the route.
        bodies: the requests of each client.
        pause: mean seconds before each request, drawn from an exponential distribution.
    """
    task = json.dumps({"url": url, "bodies": bodies, "pause": pause})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.clients"],
        input=task, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return [Answered(answer["sent"], tuple(answer["tokens"])) for answer in json.loads(done.stdout)]


def seconds_of(answers: Sequence[Answered]) -> float:
    """Seconds from the first request to the last answer."""
    return max(answer.tokens[-1] for answer in answers) - min(answer.sent for answer in answers)


def first_tokens(answers: Sequence[Answered]) -> dict[str, float]:
    """Half of the requests were answered, or had their first token, after `first` seconds; 99 in 100 after `late`."""
    first = sorted(answer.tokens[0] - answer.sent for answer in answers)
    return {"first": statistics.median(first), "late": first[min(len(first) - 1, int(0.99 * len(first)))]}


async def _clients(url: str, bodies: Sequence[Sequence[Body]], pause: float) -> list[dict[str, Any]]:
    async def client(number: int) -> list[dict[str, Any]]:
        draws, answers = random.Random(number), []
        for body in bodies[number]:
            await asyncio.sleep(draws.expovariate(1 / pause) if pause else 0)
            answers.append(await _ask(url, body))
        return answers

    together = await asyncio.gather(*map(client, range(len(bodies))))
    return [answer for answers in together for answer in answers]


async def _ask(url: str, body: Body) -> dict[str, Any]:
    """One request, which is all that a client needs of HTTP."""
    host, path = url.removeprefix("http://").split("/", 1)
    kind, content = _form(body) if "file" in body else ("application/json", json.dumps(body).encode())
    head = f"POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: {kind}\r\n"
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


def _form(body: Body) -> tuple[str, bytes]:
    """The content type and the content of a form."""
    boundary = uuid.uuid4().hex
    path = Path(body["file"])
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in body.items()
        if name != "file"
    ]
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{path.name}"\r\n'
    parts.append(f"{head}content-type: application/octet-stream\r\n\r\n".encode() + path.read_bytes())
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"\r\n--{boundary}--\r\n".encode()])


def is_answer(line: bytes) -> bool:
    """True if a line of an answer brings a whole answer, or a token."""
    if not line.startswith(b"data: {"):
        return line.startswith(b"{")
    choices = json.loads(line[6:]).get("choices") or [{}]
    return bool(choices[0].get("text"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_clients(**json.load(sys.stdin)))))
