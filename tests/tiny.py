"""A text and a recipe small enough to train on within a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RECIPE = """\
task: generate
tokenizer: {kind: char}
model: {layers: 1, width: 16, heads: 2, context: 16, dropout: 0.1}
data: {train: text.txt, dev: 0.1}
training: {steps: 8, batch_size: 4, warmup_steps: 2, evaluate_every: 4, checkpoint_every: 4, log_every: 2, device: cpu}
samples: {prompt: "the ", max_tokens: 12}
"""


def text(words: int = 800, seed: int = 0) -> str:
    """Lines of a few words in random order."""
    known = "the old king saw a red boat on the sea and sang of long lost days ünder éight stars"
    chosen = np.random.default_rng(seed).choice(known.split(), words)
    return "\n".join(" ".join(chosen[place : place + 8]) for place in range(0, words, 8)) + "\n"


def write_tiny(folder: Path, content: str = RECIPE) -> Path:
    """Write text.txt and recipe.yaml; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.txt").write_text(text(), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(content, encoding="utf-8")
    return path
