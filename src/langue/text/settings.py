"""Settings of a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from langue.settings import Settings

TokenizerKind = Literal["byte-bpe", "unigram", "wordpiece", "char", "byte"]


class TokenizerSettings(Settings):
    """A tokenizer to be trained, or with `path` one that exists."""

    kind: TokenizerKind = "byte-bpe"
    """byte-bpe, byte, and unigram without `nfkc` lose nothing of any text; unigram with it and wordpiece may normalise,
    and like char they know the characters of their training text."""
    vocab_size: int = Field(default=8192, ge=1)
    """Tokens at most, special ones included; char and byte have as many as they need."""
    lowercase: bool = False
    """Write everything in lower case (unigram and wordpiece)."""
    nfkc: bool = True
    """Write characters in their plain form, ﬁ as fi and ① as 1 (unigram); without it, every text comes back byte by
    byte."""
    path: Path | None = None
    """A folder, a `tokenizer.json`, hf:OWNER/NAME or package:NAME to be used instead of training one."""
