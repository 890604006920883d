"""Waiting of OpenMP's threads for each other: awake on a free machine, asleep beside other programs.

Threads that share an operation wait for the slowest. GNU's runtime, which PyTorch brings along on Linux, lets them wait
awake for some milliseconds, which is fastest as long as every thread has a core. Where another program wants one of the
cores, the waiting take its time away from the one that is waited for: on two cores beside a compiler a training took
five to fifty times as long. Asleep they lose a third on a free machine and next to nothing on a busy one.

The runtime reads its variables (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`) once, at its start. But it also lets threads sleep
at once as soon as it manages more of them than there are cores; so a second team of threads that do nothing is the
switch. Nothing else changes, and no result: only how waiting is done.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
import time
from pathlib import Path

LOOK = 0.25
"""Seconds from one look at the machine to the next."""
CALM = 4
"""Looks without other programs after which threads wait awake again."""
BUSY, FREE = 0.3, 0.15
"""Cores' worth of other programs' work, beyond the cores that are left over, that is much, and that is none."""

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def watch_other_programs() -> None:
    """Look at the machine from now on, in a thread of its own; once a process, and where there is something to do."""
    if not _started.is_set() and _can_watch():
        _started.set()
        threading.Thread(target=_watch, name="watch other programs", daemon=True).start()


_started = threading.Event()


def _can_watch() -> bool:
    """True if several threads share cores under GNU's OpenMP, and nobody has said how they are to wait."""
    settled = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    is_linux = hasattr(os, "sched_getaffinity") and Path("/proc/stat").exists()
    return not settled and _threads() > 1 and is_linux and _library() is not None


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _library() -> ctypes.CDLL | None:
    """GNU's OpenMP, if this process has it."""
    loaded = re.search(r"/\S*libgomp\S*\.so\S*", Path("/proc/self/maps").read_text(encoding="utf-8"))
    return ctypes.CDLL(loaded[0]) if loaded else None


def _watch() -> None:
    others, crowd, calm = OtherPrograms(), None, 0
    while True:
        time.sleep(LOOK)
        load = others.look() - (others.cores - _threads())
        calm = calm + 1 if load < FREE else 0
        if crowd is None and load > BUSY:
            crowd = Crowd(others.cores)
        elif crowd is not None and calm >= CALM:
            crowd.leave()
            crowd = None


class OtherPrograms:
    """The work of other programs on the cores that this process may use.

    Attributes:
        cores: their number.
    """

    def __init__(self) -> None:
        allowed = os.sched_getaffinity(0)
        self._names = {f"cpu{number}" for number in allowed}
        self.cores = len(allowed)
        self._before = self._read()

    def look(self) -> float:
        """Cores' worth of their work since the last look."""
        before, self._before = self._before, self._read()
        seconds, busy, own = (new - old for new, old in zip(self._before, before, strict=True))
        return max(0.0, (busy / TICKS - own) / seconds)

    def _read(self) -> tuple[float, float, float]:
        """Seconds, ticks that these cores have worked, and seconds that this process has computed."""
        ticks = 0
        for line in Path("/proc/stat").read_text(encoding="utf-8").strip().split("\n"):
            name, *numbers = line.split()
            if name in self._names:
                # user, nice, system, idle, iowait, irq, softirq, steal
                ticks += sum(map(int, [*numbers[:3], *numbers[5:8]]))
        return time.perf_counter(), ticks, time.process_time()


class Crowd:
    """Idle threads, so many that the runtime lets all threads of this process sleep at once when they wait.

    Args:
        cores: that this process may use.
    """

    def __init__(self, cores: int):
        self._size = cores + 1
        self._leaves = threading.Event()
        there = threading.Event()
        self._thread = threading.Thread(target=self._stay, args=(there,), name="crowd", daemon=True)
        self._thread.start()
        there.wait()

    def leave(self) -> None:
        """Let the team go, with which its threads end."""
        self._leaves.set()
        self._thread.join()

    def _stay(self, there: threading.Event) -> None:
        library = _library()
        if library is not None:
            # A parallel region that frees nothing: what matters are the threads, which stay with this one.
            nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
            library.GOMP_parallel(nothing, None, ctypes.c_uint(self._size), ctypes.c_uint(0))
        there.set()
        self._leaves.wait()
