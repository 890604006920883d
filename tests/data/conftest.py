"""Tokenizers and stores that the tests of data share."""

from pathlib import Path

import numpy as np
import pytest

from langue.data import TokenStore
from langue.data.prepare import prepare
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer


@pytest.fixture(scope="session")
def byte_tokenizer() -> Tokenizer:
    """One token for each byte, so that what a store must hold can be written down."""
    return train_tokenizer(TokenizerSettings(kind="byte"), [])


@pytest.fixture(scope="session")
def numbered_store(tmp_path_factory, byte_tokenizer) -> TokenStore:
    """40 documents of different lengths in shards of 97 tokens, so that rows and documents cross shards."""
    rng = np.random.default_rng(0)
    texts = [{"text": "".join(chr(97 + (number * 7 + i) % 26) for i in range(length))}
             for number, length in enumerate(rng.integers(1, 60, 40))]  # fmt: skip
    return prepare(texts, byte_tokenizer, tmp_path_factory.mktemp("stores") / "numbered", shard=97)


@pytest.fixture
def write(tmp_path):
    """Write a file of the test's own and give back its path."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write
