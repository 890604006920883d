"""Libraries that only the exchange with other formats needs, and what to say when they are not installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langue.errors import LangueError


def need(module: str, purpose: str) -> Any:
    """A module of the extra `formats`.

    Raises:
        LangueError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise LangueError(f"{purpose} needs {name}: pip install 'langue[formats]' adds it") from None
