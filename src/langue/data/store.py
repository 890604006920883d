"""The token store: flat arrays of tokens on disk, read by memory map, with an account of where they came from."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from langue.content import read_json
from langue.errors import LangueError, reading
from langue.files import MANIFEST, digest
from langue.text import Tokenizer

FORMAT = "langue-tokens"
VERSION = 1


@dataclass(frozen=True)
class Shard:
    """One pair of files: tokens (`*.bin`) and document ends (`*.idx`, uint64, counted from the shard's first token)."""

    name: str
    tokens: int
    documents: int
    sha256: str
    index_sha256: str


class TokenStore:
    """Tokens of a corpus, as one long line of numbers.

    Attributes:
        tokens: how many.
        documents: how many documents end in them.
        text_bytes: bytes of their text in UTF-8.
        text_characters: characters of their text.
        fingerprint: of the tokenizer that made them.
        opening: tokens that stand before each document, and are never to be predicted.
        manifest: everything else that is known of them.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]):
        self.folder = folder
        self.manifest = manifest
        self.shards = [Shard(**shard) for shard in manifest["shards"]]
        if any(Path(shard.name).name != shard.name for shard in self.shards):
            raise ValueError("it names files outside its folder")
        self.tokens = sum(_count(shard.tokens) for shard in self.shards)
        self.documents = sum(_count(shard.documents) for shard in self.shards)
        self.text_bytes = _count(manifest["text"]["bytes"])
        self.text_characters = _count(manifest["text"]["characters"])
        self.fingerprint = str(manifest["tokenizer"]["fingerprint"])
        self.opening = tuple(map(_count, manifest["tokenizer"].get("opening", ())))
        self.dtype = np.dtype(manifest["dtype"]).newbyteorder("<")
        if (self.tokens, self.documents) != (manifest["tokens"], manifest["documents"]) or self.dtype.kind != "u":
            raise ValueError("its shards do not hold what it says")
        # Plain arrays: a slice of a memmap object is several times as slow to make.
        self._arrays = [_map(folder / f"{s.name}.bin", self.dtype, s.tokens) for s in self.shards]
        self._starts = list(accumulate((shard.tokens for shard in self.shards), initial=0))

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = True) -> TokenStore:
        """Open a store; the manifest and all sizes are checked.

        Args:
            folder: the store.
            verify: whether to check every byte as well; large files that were checked on this machine and have not
                changed in size or times since are not read again.

        Raises:
            LangueError: there is none, or a file is missing, damaged or of another size than it should be.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        try:
            manifest = read_json(path, object)
        except FileNotFoundError:
            raise LangueError(f"{folder} holds no token store: {MANIFEST} is missing") from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise LangueError(f"{folder} holds no token store: {MANIFEST} describes something else")
        if manifest.get("version") != VERSION:
            raise LangueError(f"{path} is of version {manifest.get('version')}; this Langue reads version {VERSION}")
        if manifest.get("sha256") != manifest_digest(manifest):
            raise LangueError(f"{path} is damaged: it is not as it was written; prepare the data again")
        with reading(path, "prepare the data again"):
            store = cls(folder, manifest)
        if verify:
            store.verify()
        return store

    def verify(self) -> None:
        """Compare every file with its SHA-256.

        Raises:
            LangueError: names the first file that changed since it was written.
        """
        for shard in self.shards:
            for suffix, expected in ((".bin", shard.sha256), (".idx", shard.index_sha256)):
                path = self.folder / f"{shard.name}{suffix}"
                if digest(path) != expected:
                    raise LangueError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}; prepare it again")

    def require(self, tokenizer: Tokenizer) -> None:
        """Refuse a tokenizer that did not make this store.

        Raises:
            LangueError: its fingerprint is another.
        """
        if self.fingerprint != tokenizer.fingerprint:
            raise LangueError(f"{self.folder} was prepared with another tokenizer; prepare it again with this one")

    def read(self, start: int, count: int) -> np.ndarray:
        """(count,) int64: tokens from `start` on, across shards."""
        out = np.empty(count, np.int64)
        self.read_into(start, out)
        return out

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill an array with the tokens from `start` on."""
        if start < 0 or start + len(out) > self.tokens:
            raise IndexError(f"tokens {start} to {start + len(out)} of {self.tokens}")
        done = 0
        number = bisect_right(self._starts, start) - 1
        while done < len(out):
            offset = start + done - self._starts[number]
            piece = self._arrays[number][offset : offset + len(out) - done]
            out[done : done + len(piece)] = piece
            done += len(piece)
            number += 1

    @cached_property
    def document_ends(self) -> np.ndarray:
        """(documents,) int64: one past the last token of each document."""
        ends = [
            _map(self.folder / f"{shard.name}.idx", np.dtype("<u8"), shard.documents).astype(np.int64) + start
            for shard, start in zip(self.shards, self._starts[:-1], strict=True)
        ]
        return np.concatenate(ends) if ends else np.empty(0, np.int64)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _map(path: Path, dtype: np.dtype, length: int) -> np.ndarray:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise LangueError(f"{path} is missing; prepare the data again") from None
    if size != length * dtype.itemsize:
        raise LangueError(f"{path} has {size:,} bytes instead of {length * dtype.itemsize:,}; prepare the data again")
    return np.asarray(np.memmap(path, dtype, "r", shape=(length,))) if length else np.empty(0, dtype)


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a manifest says, but for this number itself."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
