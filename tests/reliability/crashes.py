"""Ending commands at random moments in every way that a machine knows, and looking at what is left.

Commands run in children of a process that has imported everything already, so that a round takes no longer than the
command itself; `os.fork` comes before torch has started a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_IMPORTED = (
    "torch._dynamo",  # which every optimizer imports
    "matplotlib.figure",
    "langue.experiment.training",
    "langue.hub.formats",
    "langue.hub.onnx",
    "langue.report.run",
    "langue.search",
    "langue.cli.train",
)

WAYS = ("kill", "terminate", "interrupt", "full", "read-only", "second")
"""SIGKILL, SIGTERM, Ctrl-C, a disk that is full, one that becomes read-only, and a second process beside the first."""

DISK = 64
"""MB of the small disk on which things are written."""


@dataclass(frozen=True)
class Scene:
    """A command that writes, and what is looked at afterwards.

    Attributes:
        set_up: makes in a folder (on the disk that is used up or killed on) what the command needs.
        command: its arguments, for a folder.
        again: the arguments of a second start, which ends the work; none where it is done already.
        whole: everything that counts of what was written, when the work is done; the same after each round.
        target: what the command writes, relative to the folder; all else must stay as it was.
        sound: checks what is left after a crash, before the second start: whole or not there.
    """

    set_up: Callable[[Path], None]
    command: Callable[[Path], Sequence[str]]
    whole: Callable[[Path], Any]
    target: str
    again: Callable[[Path], Sequence[str]] | None = None
    sound: Callable[[Path], None] = lambda folder: None


@dataclass
class Round:
    """One ending and what came of it."""

    way: str
    after: float
    faults: list[str] = field(default_factory=list)


def start(arguments: Sequence[str], log: Path, largest: int | None = None) -> int:
    """Run a command line in a child; returns its process id."""
    for module in _IMPORTED:
        importlib.import_module(module)
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if largest is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["langue", *arguments]
        from langue.cli import main

        main()
    except SystemExit as error:
        sys.stdout.flush()
        os._exit(error.code if isinstance(error.code, int) else 1)
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)  # what a traceback is told by: no verb ends so
    os._exit(0)


def wait(child: int, limit: float = 120.0) -> int:
    """The exit status of a child, negative for a signal; one that hangs is killed and counts as 124."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


def run(arguments: Sequence[str], log: Path) -> int:
    """Run a command line to its end."""
    return wait(start(arguments, log))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A disk of `DISK` MB at a place; False where this process may not mount one."""
    place.mkdir(parents=True)
    mounted = _mount("-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(place))
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)


def _mount(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def snapshot(folder: Path, without: str) -> dict[str, str]:
    """The digest of every file in a folder but those of the target; folders count by their names."""
    seen = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name == without or name.startswith(f"{without}/"):
            continue
        seen[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return seen


def play(scene: Scene, way: str, folder: Path, draws: np.random.Generator, seconds: float, expected: Any) -> Round:
    """One round: set the scene, end the command in some way, look, and start it again.

    Args:
        scene: what is written.
        way: one of `WAYS`.
        folder: a place that does not exist yet.
        draws: the moment and the room on the disk.
        seconds: how long the command takes when nothing happens.
        expected: `scene.whole` of an undisturbed work.
    """
    moment = float(draws.uniform(0.0, 1.05 * seconds))
    result = Round(way, moment)
    log = folder.with_suffix(".log")
    with small_disk(folder) as mounted:
        scene.set_up(folder)
        (folder / "neighbour").mkdir()
        (folder / "neighbour" / "thesis.tex").write_text("years of work")
        before = snapshot(folder, scene.target)
        status = _disturb(scene, way, folder, draws, moment, mounted, log)
        result.faults += _judge(way, status, log)
        try:
            scene.sound(folder)
        except BaseException as error:
            result.faults.append(f"not sound after it: {type(error).__name__}: {error}")
        result.faults += _differences("after it", before, snapshot(folder, scene.target), passing=True)
        arguments = (scene.again or scene.command)(folder)
        again = run(arguments, log) if arguments else 0
        if again != 0:
            result.faults.append(f"a second start ends with {again}")
        else:
            if scene.whole(folder) != expected:
                result.faults.append("a second start ends with something else")
            result.faults += _differences("in the end", before, snapshot(folder, scene.target), passing=False)
    if not result.faults:
        log.unlink(missing_ok=True)
    return result


def _disturb(
    scene: Scene, way: str, folder: Path, draws: np.random.Generator, moment: float, mounted: bool, log: Path
) -> list[int]:
    """Start the command and end it; the exit status of each process."""
    arguments = scene.command(folder)
    if way == "full":
        if not mounted:
            return [wait(start(arguments, log, largest=int(2 ** draws.uniform(6, 18))))]
        with _filled(folder, int(2 ** draws.uniform(8, 21))):
            return [run(arguments, log)]
    child = start(arguments, log)
    if way == "second":
        time.sleep(moment)
        other = start(arguments, log)
        return [wait(child), wait(other)]
    time.sleep(moment)
    if way == "read-only":
        if not mounted:
            return [wait(child)]
        # A lazy remount fails as long as files are open for writing; then the command simply ends.
        _mount("-o", "remount,ro", str(folder))
        status = wait(child)
        _mount("-o", "remount,rw", str(folder))
        return [status]
    number = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}[way]
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
    return [wait(child)]


@contextlib.contextmanager
def _filled(disk: Path, left: int) -> Iterator[None]:
    """Leave so many bytes on a disk."""
    filler = disk / ".filler"
    about = os.statvfs(disk)
    with filler.open("wb") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, max(1, about.f_bavail * about.f_frsize - left))
    try:
        yield
    finally:
        filler.unlink()


ALLOWED = {
    "kill": {0, -9},
    "terminate": {0, 143, -15},
    "interrupt": {0, 130, -2},
    "full": {0, 2},
    "read-only": {0, 2},
    "second": {0, 2},
}


def _judge(way: str, statuses: Sequence[int], log: Path) -> list[str]:
    faults = [f"ended with {status}" for status in statuses if status not in ALLOWED[way]]
    if way == "second" and 0 not in statuses:
        faults.append("neither of two processes did the work")
    if b"Traceback (most recent call last)" in log.read_bytes():
        faults.append("a traceback")
    return faults


def _differences(when: str, before: dict[str, str], now: dict[str, str], *, passing: bool) -> list[str]:
    """What is not as it was beside the target; what a kill has left of our own staging may stay for a while."""
    faults = [f"{when}, {name} is gone or changed" for name in before if now.get(name) != before[name]]
    new = [name for name in now if name not in before]
    if passing:
        new = [name for name in new if ".writing" not in name]
    return faults + [f"{when}, {name} is left behind" for name in new]
