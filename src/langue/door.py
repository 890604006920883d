"""The public functions at the top of the package, which bear the names of rooms and come when they are called."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def fetch(target: str) -> Any:
    """Import `module:name` and return it."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def make_callable(room: str, target: str) -> None:
    """Let a room be called like the public function of its name: `langue.train(…)` beside `langue.train.Trainer`.

    Python binds a subpackage to its name in the package when it is imported, over whatever stood there; a function
    of the same name would work until the first import of the room and never after.
    """

    class CallableRoom(ModuleType):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return fetch(target)(*arguments, **options)

    sys.modules[room].__class__ = CallableRoom
