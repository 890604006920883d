"""Opening mutated files in forked children, so that a hang or a crash is told with the mutation that made it.

    python tests/reliability/fuzz.py "recipe" --count 2000     # or "all"
    python tests/reliability/fuzz.py "recipe" --first 123 --count 1 --keep folder

This process itself opens nothing and starts no thread, since a fork copies one thread only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from doors import DOORS, Door
from mutations import mutate

from langue.errors import LangueError

ACCEPTED, REFUSED = "accepted", "refused"
TRACEBACK, LINES, SLOW, GREEDY, HANG, CRASH = "traceback", "several lines", "slow", "greedy", "hang", "crash"
FAULTS = (TRACEBACK, LINES, SLOW, GREEDY, HANG, CRASH)

SECONDS = 5.0
"""Of a processor for one opening; a sound file takes hundredths of one."""
WAIT = 90.0
"""Seconds on the clock, after which one opening counts as a hang: a busy machine shares its processors."""
MEMORY = 1 << 30
"""Bytes that one opening may take beyond what opening sound files took. `LangueError`s that come of more are faults as
well: without this bound the memory would have been taken."""
BATCH = 500
"""Openings of one child."""


def fuzz(door: str, count: int, *, first: int = 0, seed: int = 0, keep: Path | None = None) -> dict[str, Any]:
    """Open so many mutations of a door's files.

    Returns:
        `counts` by outcome, and `faults`: for each kind of failure the first mutations that led to it.
    """
    counts: Counter[str] = Counter()
    faults: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="langue-door-") as name:
        place = Path(name)
        _make(DOORS[door], place / "seeds")
        number, last = first, first + count
        while number < last:
            stop = min(last, number + BATCH)
            for result in _child(door, place, range(number, stop), seed, keep):
                counts[result["outcome"]] += 1
                number = result["number"] + 1
                if result["outcome"] in FAULTS:
                    told = faults.setdefault(f"{result['outcome']}: {result['key']}", {**result, "times": 0})
                    told["times"] += 1
    return {"door": door, "counts": dict(counts), "faults": list(faults.values())}


def _make(door: Door, folder: Path) -> None:
    """In a child of its own, whose threads and locks are not inherited."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            folder.mkdir()
            door.make(folder)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError(f"the sound files of {folder} could not be made")


def _child(door: str, place: Path, numbers: range, seed: int, keep: Path | None) -> Any:
    """Results of a child that opens mutations, up to the one that kills it or is the last."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        os.close(reader)
        status = 1
        try:
            os.setsid()
            _open_all(DOORS[door], door, place, numbers, seed, keep, writer)
            status = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)
    os.close(writer)
    at: dict[str, Any] | None = None
    done = -1
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        rest, fate = b"", ""
        while not fate:
            ready, _, _ = select.select([pipe], [], [], WAIT)
            block = os.read(pipe.fileno(), 1 << 16) if ready else b""
            rest += block
            *lines, rest = rest.split(b"\n")
            for line in lines:
                told = json.loads(line)
                if "outcome" in told:
                    done, at = told["number"], None
                    yield told
                else:
                    at = told
            fate = "" if block else CRASH if ready else HANG
    _end(pid)
    if done + 1 < numbers.stop:
        if at is None:
            raise RuntimeError(f"{door}: the child ended before it opened anything")
        yield {**at, "outcome": fate, "key": at["file"].rpartition(".")[2], "error": ""}


def _end(pid: int) -> None:
    """End a child and the processes it has started, which are of its group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _open_all(door: Door, name: str, place: Path, numbers: range, seed: int, keep: Path | None, writer: int) -> None:
    output = os.open(os.devnull, os.O_WRONLY)
    errors = os.dup(2)
    os.dup2(output, 1)
    os.dup2(output, 2)
    seeds = place / "seeds"
    files = sorted(path for pattern in door.files for path in seeds.glob(pattern) if path.is_file())
    assert files, f"{name}: no file to change"
    try:
        for path in files:  # sound files are accepted, and libraries get the memory that they need at any rate
            work = _copied(door, seeds, place / "work", path)
            door.open(work)
            if door.sealed is not None:
                door.sealed(work if work.is_dir() else work.parent)
                door.open(work)
    except BaseException:
        os.dup2(errors, 2)
        raise
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for number in numbers:
        draws = Random(f"{name} {seed} {number}")
        path = draws.choice(files)
        content, kinds = mutate(path.name, path.read_bytes(), draws.choice(files).read_bytes(), draws)
        about = {"number": number, "file": path.relative_to(seeds).as_posix(), "kinds": kinds}
        _tell(writer, about)
        work = _copied(door, seeds, place / "work", path)
        (work if work.is_file() else work / _within(door, seeds, path)).write_bytes(content)
        if door.sealed is not None:
            door.sealed(work if work.is_dir() else work.parent)
        if keep is not None:
            shutil.copytree(work, keep) if work.is_dir() else shutil.copy(work, keep)
        _tell(writer, about | _outcome(door, work))


def _copied(door: Door, seeds: Path, work: Path, path: Path) -> Path:
    """A fresh copy of what is opened: of the file, or of the folder of seeds that it lies in."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    if door.folder:
        top = path.relative_to(seeds).parts[0]
        return Path(shutil.copytree(seeds / top, work / top))
    return Path(shutil.copy(path, work))


def _within(door: Door, seeds: Path, path: Path) -> Path:
    return Path(*path.relative_to(seeds).parts[1:])


def _outcome(door: Door, work: Path) -> dict[str, Any]:
    start, error, fault = time.process_time(), "", ""
    try:
        door.open(work)
        outcome = ACCEPTED
    except BaseException as raised:
        causes = [raised]
        while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
            causes.append(cause)
        greedy = any(_is_greed(cause) for cause in causes)
        outcome = GREEDY if greedy else REFUSED if isinstance(raised, LangueError) else TRACEBACK
        if outcome == REFUSED and "\n" in str(raised):
            outcome = LINES
        if outcome != REFUSED:
            frames = [frame for cause in causes for frame in traceback.extract_tb(cause.__traceback__)]
            ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "/langue/" in f.filename]
            fault = f"{type(raised).__name__} at {' < '.join(ours[::-1][:3])}"
            error = "".join(traceback.format_exception(raised, limit=-6))[-3000:]
    seconds = time.process_time() - start
    if seconds > SECONDS and outcome in (ACCEPTED, REFUSED):
        outcome, fault = SLOW, work.suffix
    return {"outcome": outcome, "key": fault, "error": error, "seconds": round(seconds, 2)}


def _is_greed(error: BaseException) -> bool:
    """Whether there was too little memory. FFmpeg says so as well of a size that it knows to be absurd."""
    asked = isinstance(error, MemoryError) or "allocate memory" in str(error)
    return asked and not type(error).__module__.startswith("av.")


def _tell(writer: int, about: dict[str, Any]) -> None:
    os.write(writer, json.dumps(about).encode() + b"\n")


def main() -> int:
    """Print a line a door, and each fault; the exit status is 1 if there is any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("doors", nargs="+")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    failed = False
    for name in DOORS if told.doors == ["all"] else told.doors:
        begin = time.monotonic()
        result = fuzz(name, told.count, first=told.first, seed=told.seed, keep=told.keep)
        failed = failed or bool(result["faults"])
        if told.json:
            print(json.dumps(result), flush=True)
            continue
        print(f"{name}: {result['counts']} in {time.monotonic() - begin:.0f} s", flush=True)
        for fault in result["faults"]:
            print("  FAULT", {key: fault[key] for key in fault if key != "error"}, flush=True)
            print("    " + fault["error"].replace("\n", "\n    "), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
