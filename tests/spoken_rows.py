"""Recordings of a language whose letters are tones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

PITCHES = {"a": 400, "b": 900, "c": 1700, "d": 3000}

TRAIN = 160
"""Recordings to learn from."""

RECIPE = """
task: transcribe
tokenizer: {kind: char}
model: {form: encoder, mixer: gru, position: none, width: 32, layers: 1, feedforward: none, context: 256,
  tie_embeddings: false, audio: {features: whisper, bins: 24}}
data: {train: train.jsonl, dev: 0.2, test: test.tsv}
training: {steps: 240, batch_size: 12, learning_rate: 0.02, warmup_steps: 10, evaluate_every: 120, seed: 2}
transcribe: {speed: 0.05, bin_masks: 0, time_mask: 0.05}
"""


def say(text: str, rate: int = 16_000) -> np.ndarray:
    """A tenth of a second for each letter, as much silence between words, a moment between letters."""
    time = np.arange(round(0.1 * rate)) / rate
    parts = [np.zeros(round(0.05 * rate))]
    for letter in text:
        tone = np.sin(2 * np.pi * PITCHES[letter] * time) * np.hanning(len(time)) if letter != " " else 0 * time
        parts += [0.5 * tone, np.zeros(round(0.04 * rate))]
    noise = 0.003 * np.random.default_rng(len(text)).standard_normal(sum(map(len, parts)))
    return (np.concatenate(parts) + noise).astype(np.float32)


def texts(count: int, seed: int = 0) -> list[str]:
    draws = np.random.default_rng(seed)
    words = [["".join(draws.choice(list("abcd"), draws.integers(1, 4))) for _ in range(2)] for _ in range(count)]
    return [" ".join(pair) for pair in words]


def write_spoken(folder: Path) -> Path:
    """A manifest of each kind with its recordings, and a recipe."""
    (folder / "wav").mkdir(parents=True)
    train, test = texts(TRAIN), texts(12, seed=1)
    draws = np.random.default_rng(2)
    for number, text in enumerate(train + test):
        rate = (8_000, 16_000, 22_050)[number % 3]
        quiet = [0.003 * draws.standard_normal(int(draws.uniform(0, 0.6) * rate)) for _ in range(2)]
        soundfile.write(folder / "wav" / f"{number}.wav", np.concatenate([quiet[0], say(text, rate), quiet[1]]), rate)
    rows = [{"audio": f"wav/{number}.wav", "text": text.upper() + "!"} for number, text in enumerate(train)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"wav/{number}.wav\t{text}" for number, text in enumerate(test, len(train))]
    (folder / "test.tsv").write_text("\n".join(["audio\ttext", *lines]) + "\n")
    path = folder / "recipe.yaml"
    path.write_text(RECIPE)
    return path
