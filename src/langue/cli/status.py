"""Exit statuses: what a shell is told of how a command ended."""

from __future__ import annotations

OK = 0
SOME_FAILED = 1
"""Some of many inputs failed; the others are done."""
USER_ERROR = 2


def ended_by(number: int | None) -> int:
    """The status of a command that a signal ended, as shells count it: 130 by Ctrl-C, 143 by SIGTERM; 0 without one."""
    return OK if number is None else 128 + number
