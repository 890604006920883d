"""Memory that was let go stays with the program, unless somebody wants it otherwise."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource, torch
from langue.allocator import keep_freed
from langue.training import choose_device

choose_device("cpu") if {choose} else None

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p

def step():
    parts = [torch.ones(12_000_000) for _ in range(2)]  # 48 MB: glibc keeps no block above 32 by itself
    del parts
    last = library.malloc(100_000_000)  # nothing stands behind it, so that the end of the heap would go back too
    ctypes.memset(last, 1, 100_000_000)
    library.free(ctypes.c_void_p(last))

for _ in range(5):  # until the heap has the shape that such steps need
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
    pages = (2 * 48_000_000 + 100_000_000) // os.sysconf("SC_PAGE_SIZE")
    # A busy system takes pages away now and then, and faults are counted for that too; it never saves any.
    tries = (faults(True) for _ in range(3))
    assert any(told == "True" and count < pages // 10 for count, told in tries)
    assert faults(False)[0] > 4 * pages  # of the five steps
    count, told = faults(True, MALLOC_TRIM_THRESHOLD_="100000")
    assert (count > 4 * pages, told) == (True, "False")


FREEING = """
import os
from langue.allocator import give_back_now

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

blocks = [bytearray(100_000) for _ in range(2000)]
del blocks[:-1]  # the last one keeps the end of the heap where it is
before = resident()
give_back_now()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to")
def test_what_is_free_goes_back_at_once():
    done = subprocess.run([sys.executable, "-c", FREEING], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100_000_000
