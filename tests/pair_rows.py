"""Pairs of texts that a tiny model learns within seconds: word by word from one made-up language into another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ENGLISH = "the old king saw a red boat on sea and sang long"
OTHER = "da ol ko sa ein ro bo au se un sng la"
WORDS = dict(zip(ENGLISH.split(), OTHER.split(), strict=True))

RECIPE = """\
task: translate
tokenizer: {kind: char}
model: {form: seq2seq, layers: 1, width: 16, heads: 2, context: 48, dropout: 0.1}
data: {train: train.tsv, dev: 0.1, test: train.tsv}
training: {steps: 9, batch_tokens: 300, warmup_steps: 2, evaluate_every: 4, checkpoint_every: 4, log_every: 2,
           device: cpu}
samples: {max_tokens: 0}
"""


def pairs(count: int = 120, seed: int = 0) -> list[tuple[str, str]]:
    """Sentences of one to five words, and the same in the other language."""
    draws = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words = draws.choice(list(WORDS), draws.integers(1, 6)).tolist()
        found.append((" ".join(words), " ".join(WORDS[word] for word in words)))
    return found


def write_pairs(folder: Path, content: str = RECIPE, rows: list[tuple[str, str]] | None = None) -> Path:
    """Write train.tsv, its two sides as train.en and train.xx, and recipe.yaml; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows or pairs()
    table = "source\ttarget\n" + "".join(f"{source}\t{target}\n" for source, target in rows)
    (folder / "train.tsv").write_text(table, encoding="utf-8")
    for side, name in enumerate(("train.en", "train.xx")):
        (folder / name).write_text("".join(row[side] + "\n" for row in rows), encoding="utf-8")
    (folder / "recipe.yaml").write_text(content, encoding="utf-8")
    return folder / "recipe.yaml"
