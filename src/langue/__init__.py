"""Langue: the whole life of a language model in one small PyTorch library.

`langue.train(recipe, out)` makes a run folder, `langue.load(path)` gives the task object of one, and
`langue.evaluate(path, data)` says how good it is. What a user can mend is a `langue.LangueError`.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load": "langue.tasks:load",
    "read_recipe": "langue.tasks.recipes:read_recipe",
    "open_index": "langue.search:open_index",
    "LangueError": "langue.errors:LangueError",
}
_ROOMS = ("train", "evaluate")  # public functions that bear the name of a room, which makes itself callable


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `import langue` is light."""
    from importlib import import_module

    from langue.door import fetch

    if name in _PUBLIC:
        return fetch(_PUBLIC[name])
    if name in _ROOMS:
        return import_module(f"langue.{name}")
    raise AttributeError(f"module 'langue' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC, *_ROOMS])
