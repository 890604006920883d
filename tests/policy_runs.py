"""Models that write, for tests of what learns from preferences and rewards."""

from __future__ import annotations

import json
from pathlib import Path

from langue.experiment import train
from langue.tasks.recipes import read_recipe
from pair_rows import pairs, write_pairs

WRITER = """\
task: generate
tokenizer: {kind: char}
model: {layers: 1, width: 16, heads: 2, context: 64, mixer: MIXER}
data: {train: text.txt, dev: 0.1, documents: line}
training: {steps: STEPS, batch_size: 4, evaluate_every: 1000, device: cpu}
samples: {max_tokens: 0}
"""


def write_policies(folder: Path, steps: int, pair_steps: int = 9) -> None:
    """Train a decoder of attention, one of an LSTM, and an encoder–decoder, as `attention`, `lstm` and `seq2seq`."""
    (folder / "text.txt").write_text("".join(f"{one} {two}\n" for one, two in pairs(200)), encoding="utf-8")
    for mixer in ("attention", "lstm"):
        path, position = folder / f"{mixer}.yaml", ", position: none" if mixer == "lstm" else ""
        content = WRITER.replace("MIXER", mixer + position).replace("STEPS", str(steps))
        path.write_text(content, encoding="utf-8")
        train(read_recipe(path), folder / mixer, report=False)
    train(read_recipe(write_pairs(folder), {"training.steps": str(pair_steps)}), folder / "seq2seq", report=False)


def rows_in(run: Path, split: str) -> list[dict]:
    """The lines of a run's metrics on one of its splits."""
    with (run / "metrics.jsonl").open(encoding="utf-8") as file:
        return [row for row in map(json.loads, file) if row["split"] == split]
