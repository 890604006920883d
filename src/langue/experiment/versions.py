"""The environment of a run: enough to repeat it, and nothing about who ran it."""

from __future__ import annotations

import datetime
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from langue import __version__, machine

_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors", "pydantic", "pyarrow", "datasets")


def environment() -> dict[str, Any]:
    """Versions, machine and time, for environment.json."""
    return {
        "langue": __version__,
        "python": platform.python_version(),
        "packages": {name: installed for name in _PACKAGES if (installed := _version(name))},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": machine.processor(),
        "cores": machine.cores(),
        "threads": torch.get_num_threads(),
        "accelerators": [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())],
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
