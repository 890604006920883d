"""Two processes that train together, started as torchrun would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

from ready_python import ready_python


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start_two(*arguments: Any, **options: Any) -> list[subprocess.Popen[str]]:
    """Two processes of Python that find each other, and import from where this one does."""
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    group["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return [
        subprocess.Popen(
            [*ready_python(rank), *map(str, arguments)],
            env={**os.environ, **group, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True, **options,
        )
        for rank in range(2)
    ]  # fmt: skip


def outputs_of_two(*arguments: Any, seconds: float = 240) -> list[str]:
    """What two processes that succeed print."""
    running = start_two(*arguments, stdout=subprocess.PIPE)
    try:
        outputs = [process.communicate(timeout=seconds) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], [errors for _, errors in outputs]
    return [output for output, _ in outputs]
