"""The entry point of `langue`, which listens to signals before it imports anything.

So even a command that has hardly begun ends in one line, and with the exit status that a shell expects.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import MutableMapping
from typing import NoReturn

SPINS = "4000"
"""How often a thread looks whether the others are done before it sleeps, about a tenth of a millisecond: longer than
what lies between two operations, and much shorter than another program's turn on a core."""


def main() -> NoReturn:
    """Run the command line. SIGTERM ends a command as Ctrl-C does, so that what is half done is put away."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` and a shell's & have it
            signal.signal(number, _interrupt)
    settle_waiting(os.environ)
    try:
        from langue.cli import run
        from langue.console import guard_terminal

        guard_terminal()
        status = run(sys.argv[1:])
    except KeyboardInterrupt as error:
        status = say_interrupted(error)
    sys.exit(status)


def settle_waiting(environment: MutableMapping[str, str]) -> None:
    """Let threads that wait for each other soon sleep, unless the user has settled it; OpenMP reads it at its start.

    By itself GNU's waits awake for milliseconds, and LLVM's for 200. On a core that another program wants too, that is
    its time to compute: beside some programs on two cores, a training took five to ten times as long.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & environment.keys():
        environment.update({"GOMP_SPINCOUNT": SPINS, "KMP_BLOCKTIME": "1"})


def say_interrupted(error: KeyboardInterrupt) -> int:
    """Say so, and return the exit status: 130 after Ctrl-C, 143 after SIGTERM."""
    print("langue: interrupted", file=sys.stderr)
    return 128 + getattr(error, "signal", signal.SIGINT)


def _interrupt(number: int, frame: object) -> NoReturn:
    # Not KeyboardInterrupt itself: once that has passed through text that is run as Python, as it is where classes are
    # made, the interpreter ends by the signal, whoever has caught it.
    from langue.errors import Interrupted

    raise Interrupted(number)
