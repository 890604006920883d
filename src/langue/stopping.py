"""The signals that ask a command to stop; one module, since the entry point needs them before anything else."""

from __future__ import annotations

import signal

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)  # Windows has no SIGUSR1
"""Ctrl-C; the system's request to end; the one that Slurm sends before the time of a job is up, as its users choose."""
