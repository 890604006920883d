"""The tokenizer of a Hugging Face folder, and what it writes there."""

from __future__ import annotations

from pathlib import Path

from langue.text import Tokenizer

FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


def read_tokenizer(path: Path) -> Tokenizer | None:
    """The tokenizer of a folder, or None where it has none.

    Raises:
        LangueError: it is damaged, or of a kind that Langue does not read.
    """
    others = any(path.glob("*.model"))
    return Tokenizer.load(path) if others or any((path / file).is_file() for file in FILES) else None
