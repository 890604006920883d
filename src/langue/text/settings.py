"""What a tokenizer should be like, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from langue.settings import Settings

TokenizerKind = Literal["byte-bpe", "unigram", "wordpiece", "char", "byte"]


class TokenizerSettings(Settings):
    """A tokenizer to be trained, or with `path` one that exists."""

    kind: TokenizerKind = "byte-bpe"
    """byte-bpe and byte lose nothing of any text; unigram and wordpiece may normalise; char knows the characters of its
    training text."""
    vocab_size: int = Field(default=8192, ge=1)
    """Tokens at most, special ones included; char and byte have as many as they need."""
    lowercase: bool = False
    """Write everything in lower case (unigram and wordpiece)."""
    path: Path | None = None
    """A folder or `tokenizer.json` to be used instead of training one."""
