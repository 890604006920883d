"""The entry point of `langue`, which listens to signals before it imports anything.

So even a command that has hardly begun ends in one line, and with the exit status that a shell expects.
"""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from langue.stopping import STOPPING


def main() -> NoReturn:
    """Run the command line. SIGTERM and SIGUSR1 end a command as Ctrl-C does, so that what is half done is put away."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` and a shell's & have it
            signal.signal(number, _interrupt)
    try:
        from langue.cli import run
        from langue.console import guard_terminal

        guard_terminal()
        status = run(sys.argv[1:])
    except KeyboardInterrupt as error:
        status = say_interrupted(error)
    sys.exit(status)


def say_interrupted(error: KeyboardInterrupt) -> int:
    """Say so, and return the exit status: 130 after Ctrl-C, 143 after SIGTERM, 138 after SIGUSR1."""
    print("langue: interrupted", file=sys.stderr)
    return 128 + getattr(error, "signal", signal.SIGINT)


def _interrupt(number: int, frame: object) -> NoReturn:
    # Not KeyboardInterrupt itself: once that has passed through text that is run as Python, as it is where classes are
    # made, the interpreter ends by the signal, whoever has caught it.
    from langue.errors import Interrupted

    raise Interrupted(number)
