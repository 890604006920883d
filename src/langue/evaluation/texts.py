"""A model measured on running text, or on conversations: how well it foretells each token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from langue.console import say
from langue.data import ReadSettings, TokenStore
from langue.data.prepare import prepare
from langue.data.sources import DataSource
from langue.evaluation.conversations import evaluate_talks, holds_conversations
from langue.evaluation.measurement import MeasureSettings
from langue.evaluation.settings import is_store, recipe_data
from langue.files import scratch_folder
from langue.models.finite import refuse_not_finite
from langue.tasks.generate.predict import Generate


def evaluate_text_data(
    task: Any, data: DataSource, settings: MeasureSettings, run: Path | str | None
) -> dict[str, Any]:
    """Counts and metrics of texts, of a prepared store of tokens, or of conversations that a writer goes on with."""
    if is_store(data):
        return _on_store(task, data, TokenStore.open(str(data)), settings.stride)
    talks = recipe_data(None, "chat", settings.reading)
    if isinstance(task, Generate) and holds_conversations(data, talks):
        return evaluate_talks(task, str(data), talks)
    reading = ReadSettings(**{name: getattr(settings, name) for name in ReadSettings.model_fields})
    with scratch_folder() as scratch:
        return _on_store(task, data, prepare(data, task.tokenizer, scratch / "store", reading), settings.stride)


def _on_store(task: Any, data: DataSource, store: TokenStore, stride: int | None) -> dict[str, Any]:
    dropped = store.manifest["records"]["dropped"]
    if dropped and not is_store(data):
        say(f"left out: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}")
    metrics = task.evaluate_store(store, stride)
    refuse_not_finite(np.array([metrics["loss"]]))
    return {
        "data": data if isinstance(data, str) else ", ".join(store.manifest["sources"]),
        "examples": store.documents,
        "documents": store.documents,
        "tokens": store.tokens,
        "dropped": dropped,
        "metrics": metrics,
    }
