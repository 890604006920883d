"""A judge of pairs behind a search: a cross-encoder, which reads query and text together (Nogueira & Cho 2019,
"Passage re-ranking with BERT"). It sees what no two vectors can say, and is too slow for more than the best of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.search.fuse import Rerank


def load_reranker(model: Path | str | Any, device: str = "auto") -> Rerank:
    """A model that judges pairs, by its folder or as it is.

    Args:
        model: trained with task classify on pairs, to tell a number or two labels, of which the second is "belongs
            together"; or a function from a query and texts to scores.
        device: where a model that is named is loaded.

    Raises:
        LangueError: there is none, or it was made for something else.
    """
    if callable(model):
        return model
    named = isinstance(model, Path | str)
    if named:
        from langue.tasks import load

        task: Any = load(model, device)
    else:
        task = model
    shown = str(model) if named else "the model"
    if task.name != "classify":
        raise LangueError(f"{shown} was made to {task.name}; reranking wants one that was trained to classify pairs")
    if task.kind != "number" and not (task.kind == "label" and len(task.settings.labels) == 2):
        raise LangueError(f"{shown} tells neither a number nor two labels, so that it cannot say what belongs together")
    return task
