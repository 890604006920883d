"""Device and precision of a training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from langue.allocator import keep_freed
from langue.errors import LangueError
from langue.openmp import watch_other_programs


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" takes CUDA, then Apple's GPU, then the CPU.

    Raises:
        LangueError: there is no such device here.
    """
    if name == "auto":
        cuda = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else None
        name = cuda or ("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise LangueError(f"device {name} is not to be had here: {str(error).partition(chr(10))[0]}") from None
    if device.type == "cpu":
        keep_freed()
        watch_other_programs()
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Matrix multiplications in bf16 inside, where the precision says so; "auto" does on a GPU that knows bf16."""
    bf16 = precision == "bf16" or (
        precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()
