"""A Python that has imported what takes longest already, and so starts in milliseconds.

`[*ready_python(), "-m", "langue", ...]` is a command as `[sys.executable, "-m", "langue", ...]` is one. Its process
hands arguments, directory, environment and standard streams to a server, which has imported PyTorch and Langue, and
forks; it passes signals on and ends as the fork does. `sys.executable` remains for tests of start-up, of imports and of
memory, and for those that kill: what a killed process had handed over lives on for a moment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import NamedTuple

IMPORTED = (
    *("numpy", "torch", "torch.distributed.fsdp", "torch.distributed.tensor.parallel"),
    *(
        "torch._dynamo",
        "cyclopts",
        "langue.entry",
        "langue.cli",
        "langue.experiment",
        "langue.report",
        "langue.training",
    ),
)
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
LONGEST = 1 << 17
"""Bytes of a request at most."""


class Request(NamedTuple):
    """A program to run: Python's arguments, and where; signals that are ignored."""

    arguments: list[str]
    directory: str
    environment: dict[str, str]
    ignored: list[int]


def ready_python(rank: int = 0) -> list[str]:
    """The words of a command that stand in the place of `sys.executable`.

    Args:
        rank: each has a server of its own, so that two processes differ in the order of their sets.
    """
    if not hasattr(os, "pidfd_open"):  # not Linux
        return [sys.executable]
    name = f"ready-python-{os.getpid()}-{rank}"
    if name not in _servers:
        _servers[name] = _start_server(name)
    return [sys.executable, "-I", "-S", __file__, name]


_servers: dict = {}
"""The servers of this process, which end when their standard input does."""


def _start_server(name: str) -> object:
    import subprocess

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment["UV_USE_IO_URING"] = "0"  # PyTorch's rendezvous makes a ring at its import, which forks would share
    command = [sys.executable, __file__, "serve", name]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)


def hand_over(name: str, arguments: list[str]) -> int:
    """Let a fork of the server run a program, and return its exit status; that of a signal is negative."""
    fork, early = 0, []

    def forward(number: int, frame: object) -> None:
        if fork:
            os.kill(fork, number)
        else:
            early.append(number)

    ignored = [number for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN]
    for number in set(FORWARDED).difference(ignored):
        signal.signal(number, forward)
    request = Request(arguments, os.getcwd(), dict(os.environ), ignored)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        while server.connect_ex(f"\0{name}"):  # it has not begun to listen
            time.sleep(0.01)
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        fork = int(server.recv(32))
        for number in early:
            os.kill(fork, number)
        return int(server.recv(32))


def serve(name: str) -> Request:
    """Fork for each request; what returns is a fork, with its request."""
    import gc
    import importlib
    import selectors

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{name}")
    listener.listen()
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    selector = selectors.DefaultSelector()
    for source in (sys.stdin, listener):
        selector.register(source, selectors.EVENT_READ)
    clients: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                os._exit(0)
            elif key.fileobj is listener:
                client, _ = listener.accept()
                content, streams, _, _ = socket.recv_fds(client, LONGEST, 3)
                if not (fork := os.fork()):
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                        os.close(stream)
                    for ours in (selector, listener, client, *clients.values()):
                        ours.close()
                    return Request(*json.loads(content))
                for stream in streams:
                    os.close(stream)
                client.send(str(fork).encode())
                clients[fork] = client
                selector.register(client, selectors.EVENT_READ, fork)
                selector.register(os.pidfd_open(fork), selectors.EVENT_READ, fork)
            elif key.fileobj is clients[key.data]:  # which was killed
                os.kill(key.data, signal.SIGKILL)
                selector.unregister(key.fileobj)
            else:
                status = os.waitstatus_to_exitcode(os.waitpid(key.data, 0)[1])
                selector.unregister(key.fileobj)
                os.close(key.fd)
                with clients.pop(key.data) as client, suppress(KeyError, BrokenPipeError):
                    selector.unregister(client)
                    client.send(str(status).encode())


def become(request: Request) -> None:
    """Run a program as a fresh Python would."""
    import runpy

    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    for number in request.ignored:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    first, *rest = request.arguments
    path = [part for part in request.environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = [*path, *(part for part in sys.path[1:] if part not in path)]
    if first == "-c":
        sys.argv[:], sys.path[:0] = ["-c", *rest[1:]], [""]
        main = sys.modules["__main__"].__dict__
        exec(compile(rest[0], "<string>", "exec"), {**{key: main[key] for key in ("__builtins__", "__name__")}})
    elif first == "-m":
        sys.argv[:], sys.path[:0] = rest, [request.directory]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:], sys.path[:0] = [first, *rest], [os.path.dirname(os.path.abspath(first))]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        become(serve(sys.argv[2]))
    elif (status := hand_over(sys.argv[1], sys.argv[2:])) >= 0:
        sys.exit(status)
    else:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
