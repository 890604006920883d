"""sentence-transformers, as its users run it.

    python -m benchmarks.peers.embed '{"model": …, "train": …, "dev": …, "steps": 20, "batch_size": 32, …}'

prints one JSON object: seconds of training by its trainer, and mrr@10 of the dev pairs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def step_maker(*, folder: str, texts: str, batch_size: int) -> Callable[[], object]:
    """All texts once, by `SentenceTransformer(…).encode(…)`."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    given = json.loads(Path(texts).read_text(encoding="utf-8"))
    place = Path(texts).with_suffix(".peer.npy")
    return lambda: np.save(place, model.encode(given, batch_size=batch_size, show_progress_bar=False))


def main(given: dict[str, Any]) -> dict[str, float]:
    """Train once, and look for each dev anchor's positive."""
    import datasets
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )  # fmt: skip
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from langue.tasks.embed.evaluate import find_positives

    datasets.disable_progress_bars()
    train, dev = (_pairs(given[split]) for split in ("train", "dev"))
    model = SentenceTransformer(given["model"], device="cpu")
    rows = datasets.Dataset.from_dict({"anchor": [row[0] for row in train], "positive": [row[1] for row in train]})
    with tempfile.TemporaryDirectory() as place:
        settings = SentenceTransformerTrainingArguments(
            output_dir=place, max_steps=given["steps"], per_device_train_batch_size=given["batch_size"],
            learning_rate=given["learning_rate"], weight_decay=0.01, lr_scheduler_type="linear", warmup_steps=0.1,
            optim="adamw_torch_fused", seed=given["seed"], save_strategy="no", eval_strategy="no",
            logging_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(model, settings, rows, loss=MultipleNegativesRankingLoss(model))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    model.eval()
    first, second = (model.encode([row[side] for row in dev], show_progress_bar=False) for side in (0, 1))
    return {"seconds": seconds, **find_positives(dev, first, second)}


def _pairs(path: str) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")]
    return [(row["summary"], row["text"]) for row in rows]


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
