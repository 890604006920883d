"""Facts about the machine: processor, memory, disk, accelerators, a compiler, and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_FEATURES = {
    # Name in /proc/cpuinfo: what people call it. Those that decide how fast matrices are multiplied.
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "AVX-512 bf16",
    "amx_bf16": "AMX bf16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bf16",
}


_MAKERS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD"}

CONTAINER = Path("/sys/fs/cgroup")
"""The folder of a container's limits."""


def processor() -> str:
    """The processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def features() -> list[str]:
    """The instruction sets that matter to us; empty where the system does not tell."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for flag, name in _FEATURES.items() if flag in flags]


def kind() -> str:
    """Maker of the processor and the widest instruction set that torch uses on it, such as "AMD AVX-512" or "NEON".

    Machines differ most by these: MKL leaves AVX-512 unused on AMD's processors.
    """
    import torch

    capability = torch.backends.cpu.get_cpu_capability().replace("AVX512", "AVX-512")
    maker = _MAKERS.get(_cpuinfo("vendor_id"), "")
    return f"{maker} {capability}".strip()


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n")
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == key), "")


def start_python(
    module: str, *arguments: str, stderr: int | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """A process that runs a module of ours, fed and read by pipes; nothing is imported from its working directory.

    Args:
        module: its name.
        arguments: of its command line.
        stderr: the place of its messages; None leaves them to this process.
        environment: variables beside those of this process.
    """
    places = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), **environment},
    )


def cores() -> int:
    """The number of cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def memory() -> tuple[int, int]:
    """Bytes of memory in all, and free for a new program; a container's limit counts as the machine's."""
    import psutil  # only where it is needed: it takes 10 ms

    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    try:
        # cgroup v2; "max" stands for no limit.
        limit = (CONTAINER / "memory.max").read_text(encoding="utf-8").strip()
        used = int((CONTAINER / "memory.current").read_text(encoding="utf-8"))
        # Files that were read count as used, but give way as soon as a program wants the room.
        words = (CONTAINER / "memory.stat").read_text(encoding="utf-8").split()
        used -= int(dict(zip(words[::2], words[1::2], strict=True)).get("inactive_file", 0))
    except OSError:
        return total, free
    if limit == "max":
        return total, free
    return min(total, int(limit)), max(0, min(free, int(limit) - used))


def peak_memory() -> int:
    """Bytes of memory that this process has held at most; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").split("\n")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def compiler() -> str | None:
    """The C++ compiler that torch.compile would use on a CPU, or None when it or Python's headers are missing."""
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        return None
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def matmul_peak(device: torch.device | str = "cpu", dtype: torch.dtype | None = None, seconds: float = 0.3) -> float:
    """Floating-point operations per second of a large matrix product, the best of many within some seconds.

    The best and not the mean, because it is what the machine can do while nobody disturbs it.
    """
    import torch

    device = torch.device(device)
    return max(_matmul_speeds(device, 4096 if device.type == "cuda" else 1024, dtype, seconds))


def matmul_speed(device: torch.device, seconds: float, dtype: torch.dtype | None = None) -> tuple[float, float]:
    """FLOP/s of a smaller product within some seconds: of all together, and of the best of them.

    The first is what the machine gives a program just now, however much others take of it.
    """
    speeds = _matmul_speeds(device, 2048 if device.type == "cuda" else 512, dtype, seconds)
    return len(speeds) / sum(1 / speed for speed in speeds), max(speeds)


def _matmul_speeds(device: torch.device, width: int, dtype: torch.dtype | None, seconds: float) -> list[float]:
    """FLOP/s of one product after the other; takes no random numbers from a training in progress."""
    import torch

    own = torch.Generator(device).manual_seed(0)
    left, right = (torch.randn(width, width, device=device, dtype=dtype, generator=own) for _ in range(2))
    speeds: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not speeds:
        speeds.append(2 * width**3 / _time_once(left, right))
    return speeds


def _time_once(left: torch.Tensor, right: torch.Tensor) -> float:
    import torch

    from langue.kernels import multiply

    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(left.device.type)
    if wait:
        wait()
    start = time.perf_counter()
    multiply(left, right)
    if wait:
        wait()
    return time.perf_counter() - start
