"""Somebody with GPUs and a queue: a training that is begun, gone on with, and shared by several processes."""

from __future__ import annotations

from pathlib import Path

from person import Person

RECIPE = """\
task: generate
tokenizer: {kind: byte-bpe, vocab_size: 1024}
model: {preset: gpt-nano, context: 64}
data: {train: mine.txt, dev: 0.05}
training: {batch_size: 8, evaluate_every: 20, checkpoint_every: 20}
"""


def prepare(folder: Path, data: Path) -> None:
    """A recipe and its text."""
    text = (data / "shakespeare" / "input.txt").read_text(encoding="utf-8")
    (folder / "mine.txt").write_text(text[:200_000], encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")


CLUSTER_USER = Person("cluster.md", prepare, ["report"])

if __name__ == "__main__":
    CLUSTER_USER.main()
