"""Things that are imported when they are used, and not before."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from langue.errors import LangueError, hint, reason


def fetch(target: str) -> Any:
    """Import `module:name` and return it."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def front(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names are imported when they are used, so that its settings stay light.

    Args:
        package: the package's name.
        modules: the module of the package that each name is from.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return fetch(f"{package}.{modules[name]}:{name}")

    return get


def fetch_named(target: str, purpose: str) -> Any:
    """The same for a name of the user's, whose modules may lie in the working directory.

    Args:
        target: `module:name`.
        purpose: what it is to be, with its article.

    Raises:
        LangueError: there is no such module, it fails, or has no such name.
    """
    module, _, name = target.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        imported = import_module(module)
    except Exception as error:
        raise LangueError(f"{target} cannot be used as {purpose}: importing {module}: {reason(error)}") from error
    if not hasattr(imported, name):
        raise LangueError(
            f"{target} cannot be used as {purpose}: {module} has no {name}; {hint(name, _public(imported))}"
        )
    return getattr(imported, name)


def _public(module: Any) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_")]
