"""Libraries that a plain installation lacks, and what to say when they are not there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langue.errors import LangueError, reason


class MissingLibrary(LangueError):
    """A library that is not there: whatever needs it fails, so that nobody goes on to the next input."""


def need(module: str, extra: str, purpose: str) -> Any:
    """A module of an extra.

    Args:
        module: its name, such as `pyarrow.parquet`.
        extra: of Langue, that brings it.
        purpose: what needs it, in the singular.

    Raises:
        MissingLibrary: it is not installed.
        LangueError: it cannot be used.
    """
    return _imported(module, f"'langue[{extra}]'", purpose)


def need_package(module: str, package: str, purpose: str) -> Any:
    """A module of a package that is in no extra; see `need`.

    Raises:
        MissingLibrary: it is not installed.
        LangueError: it cannot be used.
    """
    return _imported(module, package, purpose)


def _imported(module: str, target: str, purpose: str) -> Any:
    """A module that pip installs by `target`."""
    try:
        return import_module(module)
    except Exception as error:  # a library that does not fit the others raises whatever it stumbles over
        name = module.partition(".")[0].replace("_", "-")
        if is_missing(module, error):
            raise MissingLibrary(f"{purpose} needs {name}: pip install {target} adds it") from None
        raise LangueError(
            f"{purpose} needs {name}, which is installed but cannot be used: {reason(error)}; install it anew"
        ) from error


def is_missing(module: str, error: Exception) -> bool:
    """True for an error that a module, or the package that it is of, is not installed."""
    return isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
