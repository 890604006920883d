"""How everything here is measured: contestants in processes of their own take turns, and medians are kept.

A machine is never the same from one minute to the next: clocks change, neighbours wake up. Contestants that take turns
in short rounds, in an order that reverses from round to round, share whatever happens, and the ratio of two in the same
round is worth more than any number of seconds. Each runs in a process of its own, so that what one library does to
allocator, threads or caches of compiled code is neither gift nor burden to another.
"""

from __future__ import annotations

import datetime
import importlib
import json
import multiprocessing
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from langue.files.metric_rows import read_lines

HERE = Path(__file__).parent
RESULTS = HERE / "results"

READY = 180.0
"""Seconds in which a server has to answer."""

Result = dict[str, Any]
"""`{"title", "columns": {key: heading}, "rows": [{key: value}], "notes": [sentence]}` and, once recorded, `about`."""


class Skip(Exception):
    """A benchmark cannot run here; the message is one sentence that says why."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    quick: bool = False
    data: Path | None = None
    model: Path | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Contestant:
    """Something to be timed: `make`, as "module:function", is called with the arguments and returns a step.

    A step is a function without arguments that returns when its work is really done.
    """

    name: str
    make: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def say(text: str) -> None:
    """Tell the reader what is going on; results go to files."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def server(command: Sequence[str]) -> Iterator[str]:
    """The URL of a server that runs as a process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/health", process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise Skip(f"no server answers at {url}")


def alternate(
    contestants: Sequence[Contestant], *, rounds: int, seconds: float, warm_up: float = 1.0, sittings: int = 1
) -> dict[str, list[float]]:
    """Seconds of one step of each contestant in each round, by name: the median of the steps of its turn.

    Args:
        contestants: each gets a process of its own.
        rounds: how many turns each takes; the order is reversed in every other round.
        seconds: how long a turn lasts; at least one step is done in it.
        warm_up: how long each steps before the first round, twice at least.
        sittings: the rounds are shared out among so many, each with new processes: where its memory happens to lie
            makes a process a few percent faster or slower for all its life.

    Raises:
        RuntimeError: a contestant's process died; its own error stands above.
    """
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for sitting in range(sittings):
        share = rounds * (sitting + 1) // sittings - rounds * sitting // sittings
        for name, found in _sit(contestants, rounds=share, seconds=seconds, warm_up=warm_up).items():
            times[name] += found
    return times


def _sit(contestants: Sequence[Contestant], *, rounds: int, seconds: float, warm_up: float) -> dict[str, list[float]]:
    workers = [_Worker(contestant) for contestant in contestants]
    try:
        for worker in workers:
            worker.turn(warm_up)
            worker.turn(0.0)
        times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
        for number in range(rounds):
            for worker in workers if number % 2 == 0 else reversed(workers):
                times[worker.name].append(statistics.median(worker.turn(seconds)))
        return times
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A contestant's process, which steps when told to."""

    def __init__(self, contestant: Contestant):
        self.name = contestant.name
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, contestant.make, dict(contestant.arguments))
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def turn(self, seconds: float) -> list[float]:
        """Let it step for some seconds; the time of each step."""
        try:
            self.pipe.send(seconds)
            return self.pipe.recv()
        except (EOFError, OSError):
            raise RuntimeError(f"the process of {self.name} died") from None

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.terminate()


def _work(pipe: Connection, make: str, arguments: Mapping[str, Any]) -> None:
    step = find(make)(**arguments)
    while True:
        try:
            seconds = pipe.recv()
        except EOFError:
            return
        pipe.send(_step_for(step, seconds))


def _step_for(step: Callable[[], object], seconds: float) -> list[float]:
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def langue_train(recipe: str, changes: Mapping[str, Any], out: Path, *options: str) -> list[dict[str, Any]]:
    """The command that a user types, in a process of its own; the lines of the metrics that it leaves.

    Args:
        recipe: the name of one that comes with Langue.
        changes: settings by their dotted names.
        out: the run folder to make.
        options: more words.
    """
    words = [word for name, value in changes.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "langue", "train", recipe, *words, *options, "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [line.values for line in read_lines(out / "metrics.jsonl")]


def peer(module: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a peer, a module that takes one JSON object and prints another, finds in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, json.dumps(given)],
        stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent,
    )  # fmt: skip
    return json.loads(done.stdout.rstrip().split("\n")[-1])


def sleeper(seconds: float) -> Callable[[], None]:
    """A contestant whose speed is known: it sleeps."""
    return lambda: time.sleep(seconds)


def find(name: str) -> Callable[..., Any]:
    """The function of a "module:function"."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def speedup(times: Mapping[str, Sequence[float]], name: str, over: str) -> float:
    """How many times as fast `name` is as `over`: the median of the ratios within each round."""
    return statistics.median(slow / fast for slow, fast in zip(times[over], times[name], strict=True))


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles as a share of the median: how unquiet a measurement was."""
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def record(name: str, result: Result) -> Path:
    """Write `results/KIND/NAME.json`, KIND being that of the machine: the result, with when, where and of which commit
    it was measured. What other kinds of machine reached stays."""
    facts = about()
    path = RESULTS / folder_of(facts["kind"]) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**result, "about": facts}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def recorded(name: str) -> list[Result]:
    """The last result of each kind of machine, in the order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(f"*/{name}.json"))]


def folder_of(kind: str) -> str:
    """A kind of machine as the name of a folder: "AMD AVX-512" is amd-avx512, "NVIDIA H200" is nvidia-h200."""
    return re.sub(r"[^a-z0-9]+", "-", kind.lower().replace("avx-512", "avx512")).strip("-")


def about() -> dict[str, Any]:
    """Machine, versions, commit and date of a measurement."""
    import torch

    from langue import machine

    versions = {"python": platform.python_version()}
    for package in ("torch", "transformers", "sentence-transformers", "x-transformers", "tokenizers", "ctranslate2"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "kind": torch.cuda.get_device_name() if torch.cuda.is_available() else machine.kind(),
        "processor": machine.processor(),
        "features": machine.features(),
        "cores": machine.cores(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.release()}",
        "versions": versions,
    }


def commit() -> str:
    """The commit that was measured, with a + when files that git knows differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    # Results and their tables are what a benchmark itself changes.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/benchmarks/results", ":!/docs")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if changed else "")
