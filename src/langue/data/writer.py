"""Writing a token store: shards of bounded size, then the manifest that makes them a store."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from langue.account import TextAccount
from langue.data.store import FORMAT, MANIFEST, VERSION, Shard, manifest_digest
from langue.text import Tokenizer


class EncodedPieces(NamedTuple):
    """The tokens of some pieces."""

    tokens: np.ndarray
    """(tokens,), in the store's type."""
    ends: np.ndarray
    """(documents,): one past the last token of each document that ends in them."""
    unknown: int
    """The number of tokens that stand for what the tokenizer does not know."""
    lost: Counter[str]
    """The stretches of text that they stand for, by how often each came."""
    characters: int
    text_bytes: int
    """Bytes of the text in UTF-8."""
    size: int
    """Bytes of the sources."""


class TokenStoreWriter:
    """Writes tokens into shards and remembers what the manifest must say of them.

    Args:
        folder: one that `langue.files.replacing` gave, which syncs all that is in it.
        tokenizer: whose tokens they are.
        limit: tokens of one shard.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer, limit: int):
        self.folder, self.limit, self.tokenizer = folder, limit, tokenizer
        self.dtype = np.dtype("<u2" if tokenizer.vocab_size <= 1 << 16 else "<u4")
        self.tokens = self.documents = self.unknown = self.text_bytes = 0
        self.account = TextAccount()
        self.shards: list[Shard] = []
        self._file: IO[bytes] | None = None

    def add(self, encoded: EncodedPieces) -> None:
        """Append tokens, in as many shards as it takes."""
        self.unknown += encoded.unknown
        self.account.read(encoded.characters, encoded.lost)
        self.text_bytes += encoded.text_bytes
        tokens, ends = encoded.tokens, encoded.ends
        while len(tokens):
            file = self._file or self._open()
            part = tokens[: self.limit - self._count]
            data = part.tobytes()
            file.write(data)
            self._digest.update(data)
            inside = int(np.searchsorted(ends, len(part), side="right"))
            self._ends.append(ends[:inside] + self._count)
            self._count += len(part)
            tokens, ends = tokens[len(part) :], ends[inside:] - len(part)
            if self._count == self.limit:
                self._finish_shard()

    def _open(self) -> IO[bytes]:
        self._name = f"shard-{len(self.shards):05d}"
        self._file = (self.folder / f"{self._name}.bin").open("wb")
        self._digest = hashlib.sha256()
        self._count = 0
        self._ends: list[np.ndarray] = []
        return self._file

    def _finish_shard(self) -> None:
        self.close()
        ends = np.concatenate(self._ends).astype("<u8")
        (self.folder / f"{self._name}.idx").write_bytes(ends.tobytes())
        index_digest = hashlib.sha256(ends.tobytes()).hexdigest()
        self.shards.append(Shard(self._name, self._count, len(ends), self._digest.hexdigest(), index_digest))
        self.tokens += self._count
        self.documents += len(ends)

    def finish(self) -> None:
        """Write out the last shard."""
        if self._file is not None:
            self._finish_shard()

    def write_manifest(self, sources: Sequence[str], account: Mapping[str, Any]) -> None:
        """Write the manifest, last of all: without it, there is no store."""
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "dtype": self.dtype.name,
            "tokens": self.tokens,
            "documents": self.documents,
            "text": {"bytes": self.text_bytes, "characters": self.account.characters},
            "tokenizer": {
                "fingerprint": self.tokenizer.fingerprint,
                "vocab_size": self.tokenizer.vocab_size,
                "end": self.tokenizer.end,
                "opening": self.tokenizer.document_opening,
            },
            "sources": list(sources),
            "unknown": self.unknown,
            "unknown_characters": self.account.lost,
            **account,
            "shards": [asdict(shard) for shard in self.shards],
        }
        manifest["sha256"] = manifest_digest(manifest)
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Close the shard that is open, if one is."""
        if self._file is not None:
            self._file.close()
            self._file = None
