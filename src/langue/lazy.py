"""Things that are imported when they are used, and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def fetch(target: str) -> Any:
    """Import `module:name` and return it."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
