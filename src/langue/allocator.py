"""Memory that stays with the process: what a program lets go, and objects that outlast a training."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_TRIM_THRESHOLD, _MAP_THRESHOLD = -1, -3
"""Names in glibc's malloc.h, there with an M_ in front: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""

_MAPPED_FROM = 1 << 30
"""Bytes from which on a block goes back to the system all the same: what so much memory is for outlasts a step."""


_LARGE = 9 << 18
"""Bytes of a large block where memory is scarce: what one layer keeps for a moment, and not what a kernel does."""


@cache
def keep_freed() -> bool:
    """Keep memory that was let go for the next tensor, and say whether it is kept: glibc alone can be asked to.

    By itself glibc gives large blocks back to the system, which must clear every page anew when the next step asks for
    as many: a twentieth of the time that a small model is trained on a CPU. On a GPU torch keeps memory by itself.
    Whoever has set malloc up by environment variables keeps what was set.
    """
    is_set = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if is_set or os.name != "posix":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    never = -1
    return bool(library.mallopt(_MAP_THRESHOLD, _MAPPED_FROM) and library.mallopt(_TRIM_THRESHOLD, never))


def give_back_freed() -> bool:
    """Give large blocks back to the system when they are let go, and say whether it is done, as only glibc does it.

    Kept blocks are cut into pieces for tensors of other sizes until none is whole: where layers are worked out anew,
    the process would hold four times what its tensors take.
    """
    if not keep_freed():
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MAP_THRESHOLD, _LARGE) and library.mallopt(_TRIM_THRESHOLD, _LARGE))


def give_back_now() -> None:
    """Give back to the system what is free at this moment, as after models were read, where glibc can be asked to."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@contextmanager
def lasting_objects() -> Iterator[None]:
    """Let Python's garbage collector pass over all objects that are there, inside.

    They are some 400,000, most of them imported libraries, and to go through them takes 0.2 seconds, every 20 steps of
    a training that makes many objects. Whoever has frozen objects before keeps them frozen.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
