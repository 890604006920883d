"""Labelled rows that a tiny model learns within a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from langue.experiment import Run, train
from langue.tasks.recipes import read_recipe

GOOD, BAD = ["fine", "lovely", "bright", "warm", "kind"], ["dull", "awful", "cold", "sour", "grim"]
NEUTRAL = ["the", "film", "was", "a", "day", "and", "it", "went", "on", "in", "town"]

RECIPE = """\
task: classify
tokenizer: {kind: byte-bpe, vocab_size: 400}
model: {form: encoder, layers: 1, width: 16, heads: 2, context: 24, dropout: 0.1}
data: {train: train.jsonl, dev: 0.2}
training: {steps: 40, batch_size: 16, warmup_steps: 2, evaluate_every: 20, checkpoint_every: 20, learning_rate: 0.02,
           optimizer: adamw, device: cpu, log_every: 10}
"""


def sentences(count: int, seed: int = 0) -> list[dict]:
    """Texts of different lengths whose label is told by one of their words."""
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        good = bool(draws.integers(2))
        words = draws.choice(NEUTRAL, draws.integers(2, 12)).tolist()
        words.insert(int(draws.integers(len(words) + 1)), str(draws.choice(GOOD if good else BAD)))
        rows.append({"text": " ".join(words), "label": "good" if good else "bad"})
    return rows


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_recipe(folder: Path, rows: list[dict] | None = None, content: str = RECIPE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.jsonl", sentences(200) if rows is None else rows)
    (folder / "recipe.yaml").write_text(content, encoding="utf-8")
    return folder / "recipe.yaml"


def learn(
    folder: Path, rows: list[dict] | None = None, *, out: str = "run", resume: bool = False, start_from=None, **changes
) -> Run:
    """Train in a folder; changes are written `training__steps=3`."""
    if not (folder / "recipe.yaml").exists():
        write_recipe(folder, rows)
    recipe = read_recipe(folder / "recipe.yaml", {key.replace("__", "."): str(value) for key, value in changes.items()})
    return train(recipe, folder / out, resume=resume, start_from=start_from, report=False)
