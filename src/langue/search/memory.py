"""Exact search: all vectors in flat arrays, every one compared. For some ten thousand passages, and as a yardstick.

Each version is a folder of its own, written whole: `vectors.npy`, `keys.npy`, and `passages.bin`, one JSON array after
the other, which end where `ends.npy` says.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from langue.search.postings import best
from langue.search.store import Manifest, Passage, Scored, ranked
from langue.search.where import Where, holds


class MemoryTable:
    """A `Table` of flat arrays.

    Args:
        path: the index.
        keys: (N,) int64, ascending.
        vectors: (N, size) float32, of length 1; size 0 where there are none.
        records: (bytes,) uint8, all passages as JSON.
        ends: (N,) int64, one past the last byte of each.
    """

    def __init__(self, path: Path, keys: np.ndarray, vectors: np.ndarray, records: np.ndarray, ends: np.ndarray):
        self.path, self.keys, self.vectors, self.records, self.ends = path, keys, vectors, records, ends
        self._stays = np.ones(len(keys), bool)
        self._new: list[tuple[Sequence[Passage], np.ndarray | None]] = []

    @classmethod
    def open(cls, path: Path, manifest: Manifest | None) -> MemoryTable:
        """The version that a manifest says."""
        if manifest is None:
            none = np.empty(0, np.int64)
            return cls(path, none, np.empty((0, 0), np.float32), np.empty(0, np.uint8), none)
        folder = path / _name(manifest.generation)
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("keys", "vectors", "ends")}
        return cls(path, records=np.fromfile(folder / "passages.bin", np.uint8), **arrays)

    @cached_property
    def _all(self) -> list[Passage]:
        return [self._passage(row) for row in range(len(self.keys))]

    def _passage(self, row: int) -> Passage:
        start = int(self.ends[row - 1]) if row else 0
        return Passage(*json.loads(self.records[start : int(self.ends[row])].tobytes()))

    def digests(self) -> dict[str, str]:
        """See `Table`."""
        return {passage.document: passage.digest for passage in self._all}

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        """See `Table`."""
        scores = self.vectors @ vector
        keys = self.keys
        if where:
            rows = np.searchsorted(keys, self.allowed(where))
            scores, keys = scores[rows], keys[rows]
        places = best(scores.round(6), k)
        return ranked(zip(keys[places].tolist(), scores[places].tolist(), strict=True))

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """See `Table`."""
        return [self._passage(int(row)) for row in np.searchsorted(self.keys, np.array(keys, np.int64))]

    def allowed(self, where: Where) -> np.ndarray:
        """See `Table`."""
        return self.keys[np.array([holds(where, passage.metadata) for passage in self._all], bool)]

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        """See `Table`."""
        return self.keys[self._rows_of(documents)]

    def _rows_of(self, documents: Sequence[str]) -> np.ndarray:
        asked = set(documents)
        return np.array([passage.document in asked for passage in self._all], bool)

    def delete(self, documents: Sequence[str]) -> None:
        """See `Table`."""
        self._stays &= ~self._rows_of(documents)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        """See `Table`."""
        self._new.append((list(passages), vectors))

    def finish(self, generation: int) -> dict[str, Any]:
        """See `Table`."""
        passages = [self._all[row] for row in np.flatnonzero(self._stays)]
        passages += [passage for added, _ in self._new for passage in added]
        vectors = [each for _, each in self._new if each is not None]
        size = vectors[0].shape[1] if vectors else self.vectors.shape[1]
        # Without a model, vectors have no numbers, and there are as many of those as passages.
        old = self.vectors[self._stays] if self.vectors.shape[1] == size else np.empty((0, size), np.float32)
        merged = np.concatenate([old, *vectors]) if size else np.empty((len(passages), 0), np.float32)
        records = [json.dumps(passage, ensure_ascii=False).encode() for passage in passages]
        folder = self.path / _name(generation)
        folder.mkdir(exist_ok=True)
        _write(folder / "keys.npy", np.array([passage.key for passage in passages], np.int64))
        _write(folder / "vectors.npy", merged)
        _write(folder / "ends.npy", np.cumsum([len(record) for record in records], dtype=np.int64))
        with (folder / "passages.bin").open("wb") as file:
            file.writelines(records)
            file.flush()
            os.fsync(file.fileno())
        self._kept = (_name(generation), _name(generation - 1))
        return {}

    def tidy(self) -> None:
        """See `Table`."""
        for old in self.path.glob("passages-*"):
            if old.name not in self._kept:
                shutil.rmtree(old, ignore_errors=True)


def _name(generation: int) -> str:
    return f"passages-{generation:06d}"


def _write(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
