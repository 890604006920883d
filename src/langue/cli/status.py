"""The end of a command: its status for a shell, and how a training goes on."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

OK = 0
SOME_FAILED = 1
"""Some of many inputs failed; the others are done."""
USER_ERROR = 2
QUEUE_AGAIN = 75
"""A training in a job of Slurm's has saved and can be gone on with; the number is EX_TEMPFAIL of sysexits.h."""


def going_on(run: Path) -> str:
    """The command that goes on with a training, whose own recipe holds all that was said when it began."""
    from langue.parallel.launch import launch

    return shlex.join([*launch().launcher, "train", str(run / "recipe.yaml"), "--out", str(run), "--resume"])


def ended_by(number: int | None) -> int:
    """The status of a training that has saved when a signal came; 0 without one.

    In a job of Slurm's it tells the script to queue the job again; otherwise it is what shells count, 130 by Ctrl-C and
    143 by SIGTERM.
    """
    if number is None:
        return OK
    return QUEUE_AGAIN if number != signal.SIGINT and "SLURM_JOB_ID" in os.environ else 128 + number
