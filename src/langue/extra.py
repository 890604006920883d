"""Libraries that a plain installation lacks, and what to say when they are not there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langue.errors import LangueError


def need(module: str, extra: str, purpose: str) -> Any:
    """A module of an extra.

    Args:
        module: its name, such as `pyarrow.parquet`.
        extra: of Langue, that brings it.
        purpose: what needs it, in the singular.

    Raises:
        LangueError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0].replace("_", "-")
        raise LangueError(f"{purpose} needs {name}: pip install 'langue[{extra}]' adds it") from None
