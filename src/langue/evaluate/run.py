"""`langue.evaluate(run, data)`: how well a trained model does on data, as one object."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from langue.data import ReadSettings, TokenStore, prepare
from langue.data.sources import Given
from langue.data.store import MANIFEST
from langue.evaluate.language_model import evaluate_text
from langue.tasks import load


def evaluate(
    model: Path | str | Any,
    data: Given,
    *,
    stride: int | None = None,
    documents: Literal["file", "line", "paragraph"] = "file",
    text: str = "text",
    device: str = "auto",
) -> dict[str, Any]:
    """Measure how well a model predicts a text, each token once.

    Args:
        model: a run folder, a checkpoint or a model's folder with its tokenizer; or what `langue.load` gave for one.
        data: a path, glob, folder or name, a list of them, a prepared token store, or an iterable of rows.
        stride: tokens by which the window slides, from 1 to the context; half of the context by default. A smaller
            one lets the model see more before each token, and takes longer.
        documents: what one document of a text file is.
        text: the column of a table that holds the text.
        device: where a model that is named is loaded.

    Returns:
        What `langue evaluate --json` prints: task, data, examples (documents), tokens, metrics (loss in nats per token,
        perplexity, bits_per_byte, bits_per_character), seconds.

    Raises:
        LangueError: there is no such model, the data cannot be read, or they were prepared with another tokenizer.
    """
    begun = time.perf_counter()
    task = load(model, device) if isinstance(model, Path | str) else model
    with tempfile.TemporaryDirectory() as scratch:
        if isinstance(data, Path | str) and (Path(data) / MANIFEST).is_file():
            store = TokenStore.open(data, verify=True)
        else:
            store = prepare(data, task.tokenizer, Path(scratch) / "store", ReadSettings(documents=documents, text=text))
        half = max(1, task.model.config.context // 2)
        metrics = evaluate_text(task.model, task.tokenizer, store, stride=half if stride is None else stride)
        return {
            "task": task.name,
            "data": str(data) if isinstance(data, Path | str) else ", ".join(store.manifest["sources"]),
            "examples": store.documents,
            "tokens": store.tokens,
            "metrics": metrics,
            "seconds": round(time.perf_counter() - begun, 3),
        }
