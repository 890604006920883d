"""Transformers' text-classification pipeline on many texts of mixed length, in batches of one size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def step_maker(*, folder: str, texts: str, batch_size: int) -> Callable[[], object]:
    """All texts of a JSON list once; the answers go into a file beside it."""
    import transformers

    transformers.logging.set_verbosity_error()
    judge = transformers.pipeline("text-classification", folder, device="cpu", batch_size=batch_size, truncation=True)
    given = json.loads(Path(texts).read_text(encoding="utf-8"))

    def step() -> None:
        labels = [found["label"] for found in judge(given)]
        Path(texts).with_suffix(f".pipeline-{batch_size}").write_text(json.dumps(labels), encoding="utf-8")

    return step
