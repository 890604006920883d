"""A stand-in of Slurm's srun: processes on this machine, the variables that they get, signals handed on, one status.

`srun [--OPTION …] PROGRAM …` starts TASKS of the program (2 unless the variable says otherwise).
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> int:
    command = list(itertools.dropwhile(lambda argument: argument.startswith("--"), sys.argv[1:]))
    tasks = int(os.environ.get("TASKS", "2"))
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "127.0.0.[1-4]", "SLURM_STEP_NUM_NODES": "1"}
    step |= {"SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_NTASKS": str(tasks)}
    running = [
        subprocess.Popen(command, env={**os.environ, **step, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)})
        for rank in range(tasks)
    ]
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda number, frame: [process.send_signal(number) for process in running])
    Path("srun.pid").write_text(str(os.getpid()), encoding="utf-8")
    return max(abs(process.wait()) for process in running)


sys.exit(main())
