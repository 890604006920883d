"""A limit of time for code of others, which may never come back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN = 1.0
"""Seconds after which code is stopped again that has swallowed the first time."""


class OutOfTime(Exception):
    """Code has not come back within its time."""


class _Alarm(BaseException):
    """The alarm, within the code; no `except Exception` of it keeps it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Stop what is done inside after so many seconds, where that is possible: in the main thread of a system with
    alarms (all but Windows) whose alarm nobody else uses. Loops of Python's, regular expressions, sleep and reading are
    stopped; a loop of C's that never looks for signals is not.

    Raises:
        OutOfTime: they are over.
    """
    if not _has_alarm():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Alarm:
        raise OutOfTime(f"nothing came within {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _has_alarm() -> bool:
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_REAL)[0] == 0


def _ring(number: int, frame: Any) -> None:
    raise _Alarm
