"""Somebody with a folder of documents: the passage that answers a question."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from person import Person

DOCUMENTS = 200


def prepare(folder: Path, data: Path) -> None:
    """Two hundred pages about Python; a sentence embedder, which MINILM names."""
    text = (data / "python-docs" / "corpus.txt").read_text(encoding="utf-8")
    papers, length = folder / "papers", 5_000
    papers.mkdir()
    for number in range(min(DOCUMENTS, len(text) // length)):
        (papers / f"{number:03d}.txt").write_text(text[number * length : (number + 1) * length], encoding="utf-8")
    for name, content in (("new.txt", "The learning rate is set by --training.learning_rate."), ("old.txt", "Gone.")):
        (papers / name).write_text(f"{content}\n", encoding="utf-8")
    shutil.copytree(os.environ["MINILM"], folder / "minilm")


READER = Person("documents.md", prepare, ["search"], useful=4, within=60)

if __name__ == "__main__":
    READER.main()
