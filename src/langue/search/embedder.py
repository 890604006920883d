"""The interface of a model to an index; any that makes vectors will do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from langue.errors import LangueError
from langue.remote import is_name
from langue.search.store import ModelRecord


class TextEmbedder(Protocol):
    """A model that makes vectors of texts, such as `langue.load` gives for one."""

    @property
    def size(self) -> int:
        """Numbers of a vector."""

    @property
    def fingerprint(self) -> str:
        """A text that changes when its vectors do."""

    def embed(self, texts: Sequence[str], *, prompt: Literal["query", "document"]) -> np.ndarray:
        """Vectors (texts, size) float32; what a text has beyond the model's context is left out."""


def load_embedder(model: TextEmbedder | Path | str, device: str = "auto") -> tuple[TextEmbedder, str | None]:
    """A model by its folder, or as it is; and where it was, if it was named.

    Raises:
        LangueError: there is none, or it was made for something else.
    """
    if not isinstance(model, Path | str):
        return model, None
    from langue.tasks import load
    from langue.tasks.embed.predict import Embed

    task = load(model, device)
    if not isinstance(task, Embed):
        raise LangueError(f"{model} was made to {task.name}, not to embed; name a model that makes vectors of texts")
    return task, str(model) if is_name(model) else str(Path(model).resolve())


def require(model: TextEmbedder, record: ModelRecord, place: str) -> None:
    """Refuse a model whose vectors mean nothing beside those that are there.

    Raises:
        LangueError: it is another than the one that made the index.
    """
    if model.fingerprint != record.fingerprint:
        raise LangueError(
            f"{place} was made by another model ({record.path or 'given from Python'}, fingerprint "
            f"{record.fingerprint[:12]}, not {model.fingerprint[:12]}); name that one, or build an index of its own"
        )
