"""Langue: the whole life of a language model in one small PyTorch library.

`langue.train(recipe, out)` makes a run folder, `langue.load(path)` gives the task object of one, and
`langue.evaluate(path, data)` says how good it is. What a user can mend is a `langue.LangueError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langue.version import VERSION

if TYPE_CHECKING:
    from langue.errors import LangueError
    from langue.evaluation.run import evaluate
    from langue.experiment import Run, train
    from langue.experiment.shrink import shrink
    from langue.search import Index, open_index
    from langue.tasks import load
    from langue.tasks.recipes import read_recipe, recipe_schema

__version__ = VERSION

__all__ = [
    "Index",
    "LangueError",
    "Run",
    "evaluate",
    "load",
    "open_index",
    "read_recipe",
    "recipe_schema",
    "shrink",
    "train",
]

# Imported when they are used, so that `import langue` is light.
_PUBLIC = {
    "Index": "langue.search:Index",
    "LangueError": "langue.errors:LangueError",
    "Run": "langue.experiment:Run",
    "evaluate": "langue.evaluation.run:evaluate",
    "load": "langue.tasks:load",
    "open_index": "langue.search:open_index",
    "read_recipe": "langue.tasks.recipes:read_recipe",
    "recipe_schema": "langue.tasks.recipes:recipe_schema",
    "shrink": "langue.experiment.shrink:shrink",
    "train": "langue.experiment:train",
}


def __getattr__(name: str) -> Any:
    from langue.lazy import fetch

    if name not in _PUBLIC:
        raise AttributeError(f"module 'langue' has no attribute {name!r}")
    return fetch(_PUBLIC[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
