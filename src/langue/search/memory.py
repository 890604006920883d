"""Exact search: all vectors in flat arrays, every one compared. For some ten thousand passages, any number that are
found by their words alone, and as a yardstick.

Each version is a folder of its own, written whole: `keys.npy`, what is kept of the vectors, and `passages.bin`, one
JSON array after the other, which end where `ends.npy` says. Passages stay on the disk until they are found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from langue.files import replacing_listed
from langue.files.arrays import write_array
from langue.search.postings import best
from langue.search.settings import Storage
from langue.search.store import IndexManifest, Passage, Scored, Table, ranked
from langue.search.vectors import CANDIDATES, cosines, differing, stored, to_bits
from langue.search.where import Where, holds

MAIN = ("keys", "ends")


class _Added(NamedTuple):
    """Passages that are new."""

    keys: np.ndarray
    records: list[bytes]
    """Each as JSON."""
    kept: Mapping[str, np.ndarray]
    """Numbers of their vectors, see `vectors.stored`."""


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
        self._new: list[_Added] = []

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
        records = folder / "passages.bin"
        mapped = np.memmap(records, np.uint8, "r") if records.stat().st_size else np.empty(0, np.uint8)
        return cls(path, keys, arrays, np.asarray(mapped), ends, storage)

    def _all(self) -> Iterator[Passage]:
        return (self._passage(row) for row in range(len(self.keys)))

    @cached_property
    def _documents(self) -> list[str]:
        """The document of each passage."""
        return [passage.document for passage in self._all()]

    @cached_property
    def _metadata(self) -> list[Mapping[str, Any]]:
        """Facts about the document of each passage."""
        return [passage.metadata for passage in self._all()]

    def _passage(self, row: int) -> Passage:
        start = int(self.ends[row - 1]) if row else 0
        return Passage(*json.loads(self.records[start : int(self.ends[row])].tobytes()))

    def digests(self) -> dict[str, str]:
        return {passage.document: passage.digest for passage in self._all()}

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
        return self.keys[np.array([holds(where, known) for known in self._metadata], bool)]

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        return self.keys[self._rows_of(documents)]

    def _rows_of(self, documents: Sequence[str]) -> np.ndarray:
        names = set(documents)
        return np.array([document in names for document in self._documents], bool)

    def delete(self, documents: Sequence[str]) -> None:
        self._stays &= ~self._rows_of(documents)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        records = [json.dumps(passage, ensure_ascii=False).encode() for passage in passages]
        keys = np.array([passage.key for passage in passages], np.int64)
        self._new.append(_Added(keys, records, {} if vectors is None else stored(vectors, self.storage)))

    def finish(self, generation: int) -> dict[str, Any]:
        parts = [_taken(self.kept, self._stays), *(added.kept for added in self._new)]
        kept = {name: np.concatenate([part[name] for part in parts if name in part]) for name in parts[-1]}
        sizes = [np.diff(self.ends, prepend=0)[self._stays]]
        sizes += [np.array([len(record) for record in added.records], np.int64) for added in self._new]
        with replacing_listed(self.path / _name(generation)) as folder:
            keys = [self.keys[self._stays], *(added.keys for added in self._new)]
            write_array(folder / "keys.npy", np.concatenate(keys))
            for name, array in kept.items():
                write_array(folder / f"{name}.npy", array)
            write_array(folder / "ends.npy", np.cumsum(np.concatenate(sizes), dtype=np.int64))
            with (folder / "passages.bin").open("wb") as file:
                for start, end in self._runs():
                    file.write(self.records[start:end].data)
                for added in self._new:
                    file.writelines(added.records)
        return {"kept": list(kept)}

    def _runs(self) -> list[list[int]]:
        """Stretches of bytes that hold nothing but passages that stay: start and end."""
        edges = np.flatnonzero(np.diff(self._stays.astype(np.int8), prepend=0, append=0))
        places = np.concatenate([np.zeros(1, np.int64), self.ends])[edges]
        return places.reshape(-1, 2).tolist()


def _taken(kept: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in kept.items()}


def _name(generation: int) -> str:
    return f"passages-{generation:06d}"
