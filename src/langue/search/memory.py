"""Exact search: all vectors in flat arrays, every one compared. For some ten thousand passages, and as a yardstick.

Each version is a folder of its own, written whole: `keys.npy`, what is kept of the vectors, and `passages.bin`, one
JSON array after the other, which end where `ends.npy` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from langue.files import replacing_listed
from langue.files.arrays import write_array
from langue.search.postings import best
from langue.search.settings import Storage
from langue.search.store import IndexManifest, Passage, Scored, Table, ranked
from langue.search.vectors import CANDIDATES, cosines, differing, stored, to_bits
from langue.search.where import Where, holds

MAIN = ("keys", "ends")


class MemoryTable(Table):
    """A `Table` of flat arrays.

    Args:
        path: the index.
        keys: (N,) int64, ascending.
        kept: what is kept of the vectors, see `vectors.stored`, with N rows each; nothing where there are none.
        records: (bytes,) uint8, all passages as JSON.
        ends: (N,) int64, one past the last byte of each.
        storage: how new vectors are kept.
    """

    def __init__(
        self,
        path: Path,
        keys: np.ndarray,
        kept: Mapping[str, np.ndarray],
        records: np.ndarray,
        ends: np.ndarray,
        storage: Storage,
    ):
        self.path, self.keys, self.kept, self.records, self.ends = path, keys, kept, records, ends
        self.storage: Storage = storage
        self._stays = np.ones(len(keys), bool)
        self._new: list[tuple[Sequence[Passage], Mapping[str, np.ndarray]]] = []

    @classmethod
    def open(cls, path: Path, storage: Storage, manifest: IndexManifest | None) -> MemoryTable:
        """The version that a manifest says."""
        if manifest is None:
            none = np.empty(0, np.int64)
            return cls(path, none, {}, np.empty(0, np.uint8), none, storage)
        folder = path / _name(manifest.generation)
        names = (*MAIN, *manifest.place["kept"])
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}
        keys, ends = (arrays.pop(name) for name in MAIN)
        if not all(len(array) == len(keys) for array in (ends, *arrays.values())):
            raise ValueError("its arrays are of different lengths")
        if not np.all(keys[1:] > keys[:-1]):
            raise ValueError("its keys do not ascend")
        return cls(path, keys, arrays, np.fromfile(folder / "passages.bin", np.uint8), ends, storage)

    @cached_property
    def _all(self) -> list[Passage]:
        return [self._passage(row) for row in range(len(self.keys))]

    def _passage(self, row: int) -> Passage:
        start = int(self.ends[row - 1]) if row else 0
        return Passage(*json.loads(self.records[start : int(self.ends[row])].tobytes()))

    def digests(self) -> dict[str, str]:
        return {passage.document: passage.digest for passage in self._all}

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        keys, kept = self.keys, self.kept
        if where:
            rows = np.searchsorted(keys, self.allowed(where))
            keys, kept = keys[rows], _taken(kept, rows)
        if "bits" in kept and len(keys) > CANDIDATES * k:
            rows = best(-differing(kept["bits"], to_bits(vector)), CANDIDATES * k)
            keys, kept = keys[rows], _taken(kept, rows)
        scores = cosines(kept, vector)
        places = best(scores.round(6), k)
        return ranked(keys[places].tolist(), scores[places].tolist())

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        return [self._passage(int(row)) for row in np.searchsorted(self.keys, np.array(keys, np.int64))]

    def allowed(self, where: Where) -> np.ndarray:
        return self.keys[np.array([holds(where, passage.metadata) for passage in self._all], bool)]

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        return self.keys[self._rows_of(documents)]

    def _rows_of(self, documents: Sequence[str]) -> np.ndarray:
        names = set(documents)
        return np.array([passage.document in names for passage in self._all], bool)

    def delete(self, documents: Sequence[str]) -> None:
        self._stays &= ~self._rows_of(documents)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        self._new.append((list(passages), {} if vectors is None else stored(vectors, self.storage)))

    def finish(self, generation: int) -> dict[str, Any]:
        passages = [self._all[row] for row in np.flatnonzero(self._stays)]
        passages += [passage for added, _ in self._new for passage in added]
        parts = [_taken(self.kept, self._stays), *(kept for _, kept in self._new)]
        kept = {name: np.concatenate([part[name] for part in parts if name in part]) for name in parts[-1]}
        records = [json.dumps(passage, ensure_ascii=False).encode() for passage in passages]
        with replacing_listed(self.path / _name(generation)) as folder:
            write_array(folder / "keys.npy", np.array([passage.key for passage in passages], np.int64))
            for name, array in kept.items():
                write_array(folder / f"{name}.npy", array)
            write_array(folder / "ends.npy", np.cumsum([len(record) for record in records], dtype=np.int64))
            with (folder / "passages.bin").open("wb") as file:
                file.writelines(records)
        return {"kept": list(kept)}


def _taken(kept: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in kept.items()}


def _name(generation: int) -> str:
    return f"passages-{generation:06d}"
