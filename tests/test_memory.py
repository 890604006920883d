"""Memory that was let go stays with the program, unless somebody wants it otherwise."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from langue.memory import keep_freed
from langue.train import choose_device

choose_device("cpu") if {choose} else None

def step():
    parts = [torch.ones(2_000_000) for _ in range(12)]
    return sum(float(part[0]) for part in parts)

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, keep_freed() if {choose} else None)
"""


def faults(choose: bool, **environment: str) -> tuple[int, str]:
    """Pages that five steps, which let go of all that they take, get from the system; and what was said of it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(choose=choose)],
        env={**plain, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, told = done.stdout.split()
    return int(count), told


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be asked to")
def test_freed_memory_is_used_again():
    pages = 12 * 8_000_000 // os.sysconf("SC_PAGE_SIZE")
    count, told = faults(True)
    assert told == "True"
    assert count < pages // 10
    assert faults(False)[0] > pages // 2  # without, there is something to win: how much is up to glibc
    count, told = faults(True, MALLOC_TRIM_THRESHOLD_="100000")
    assert (count > pages // 2, told) == (True, "False")
