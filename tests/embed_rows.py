"""Rows of texts that belong together, which a tiny model learns within seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from langue.experiment import Run, train
from langue.tasks.recipes import read_recipe

TOPICS = {
    "sea": ["boat", "wave", "salt", "fish", "shore"],
    "war": ["sword", "siege", "army", "shield", "banner"],
    "law": ["judge", "court", "trial", "oath", "verdict"],
    "food": ["bread", "honey", "apple", "soup", "feast"],
    "sky": ["cloud", "star", "storm", "moon", "wind"],
    "farm": ["plough", "barley", "cattle", "barn", "harvest"],
}
SMALL = ["the", "of", "and", "a", "in", "was", "with"]

RECIPE = """\
task: embed
tokenizer: {kind: byte-bpe, vocab_size: 450}
model: {form: encoder, layers: 1, width: 24, heads: 2, context: 24, dropout: 0.1}
data: {train: train.jsonl, dev: 0.2}
training: {steps: 60, batch_size: 16, warmup_steps: 2, evaluate_every: 30, checkpoint_every: 30, learning_rate: 0.01,
           optimizer: adamw, device: cpu, log_every: 10}
"""


def sentence(draws: np.random.Generator, topic: str, words: int) -> str:
    chosen = [*draws.choice(TOPICS[topic], words), *draws.choice(SMALL, int(draws.integers(2, 6)))]
    return " ".join(draws.permutation(chosen))


def rows(kind: str, count: int = 200, seed: int = 0) -> list[dict]:
    """Two sentences of one topic ("pairs", or with one of another "triples"), two of any with a score of 0 or 1
    ("graded"), or one ("texts")."""
    draws = np.random.default_rng(seed)
    names, found = list(TOPICS), []
    for _ in range(count):
        first, other = draws.choice(names, 2, replace=False)
        one, two, wrong = (sentence(draws, str(topic), words) for topic, words in ((first, 2), (first, 4), (other, 4)))
        if kind == "graded":
            same = bool(draws.integers(2))
            found.append({"sentence1": one, "sentence2": two if same else wrong, "score": float(same)})
        elif kind == "texts":
            found.append({"text": two})
        else:
            row = {"anchor": one, "positive": two}
            found.append({**row, "negative": wrong} if kind == "triples" else row)
    return found


def write_rows(path: Path, some: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    return path


def learn(
    folder: Path, some: list[dict] | str, *, out: str = "run", resume: bool = False, start_from=None, **changes
) -> Run:
    """Train in a folder; changes are written `training__steps=3`."""
    if not (folder / "recipe.yaml").exists():
        write_rows(folder / "train.jsonl", rows(some) if isinstance(some, str) else some)
        (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    recipe = read_recipe(folder / "recipe.yaml", {key.replace("__", "."): str(value) for key, value in changes.items()})
    return train(recipe, folder / out, resume=resume, start_from=start_from, report=False)
