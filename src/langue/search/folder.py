"""An index in a folder: a manifest that points at one version of everything, and is replaced in one move.

A writer leaves the files of the last version alone, writes new ones beside them, waits for the disk, and renames the
manifest over the old one; whatever kills it before leaves the old version. Readers have read one manifest and see what
it points at until they open the index again. The version before the last is kept for them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from langue.errors import LangueError
from langue.files import sync as sync_folder
from langue.search.collector import Collector
from langue.search.postings import Postings
from langue.search.settings import IndexSettings
from langue.search.store import Manifest, Passage, Scored, read_manifest
from langue.search.where import Where
from langue.search.words import words as words_of

MANIFEST = "manifest.json"
LOCK = "lock"


class Table(Protocol):
    """Passages with their vectors, in one version."""

    def digests(self) -> dict[str, str]:
        """The digest of each document by its id."""
        ...

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        """Keys and cosines of the nearest."""
        ...

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """By their keys, in that order."""
        ...

    def allowed(self, where: Where) -> np.ndarray:
        """The keys of passages that meet conditions, ascending."""
        ...

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        """The keys of documents' passages."""
        ...

    def delete(self, documents: Sequence[str]) -> None:
        """Take out documents, unseen by who opened it before."""
        ...

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        """Put in passages, unseen by who opened it before."""
        ...

    def finish(self, generation: int) -> dict[str, Any]:
        """Wait until the disk has all; what `open_table` needs to find this version."""
        ...

    def tidy(self) -> None:
        """Remove what versions before the last two have left."""
        ...


def open_table(path: Path, settings: IndexSettings, manifest: Manifest | None, *, write: bool = False) -> Table:
    """The table of a folder, in the version that its manifest says."""
    if settings.kind == "memory":
        from langue.search.memory import MemoryTable

        return MemoryTable.open(path, settings.storage, manifest)
    from langue.search.lance import LanceTable

    return LanceTable.open(path, settings.storage, manifest, write=write)


class FolderStore:
    """A `Store` in a folder.

    Args:
        path: of the folder.
        settings: of the index.
        manifest: of the version to be seen; None where there is none yet.
    """

    def __init__(self, path: Path, settings: IndexSettings, manifest: Manifest | None):
        self.path, self.settings = path, settings
        self.manifest: Manifest | None = None
        if manifest is not None:
            self.see(manifest)

    @classmethod
    def open(cls, place: str, settings: IndexSettings | None) -> FolderStore:
        """The last good version, or the place of a new index.

        Raises:
            LangueError: there is no index and none is to be made, or something else is in the folder.
        """
        path = Path(place)
        for attempt in range(5):
            content = _content(path)
            if content is None:
                break
            manifest = read_manifest(content, str(path / MANIFEST))
            try:
                return cls(path, manifest.settings, manifest)
            except (ValueError, EOFError) as error:
                raise LangueError(f"{path} is damaged ({error}); remove it and build it again") from None
            except FileNotFoundError:
                # Two writers have finished since the manifest was read, so its files are gone and a new one is there.
                if attempt == 4:
                    raise LangueError(f"{path} lacks files that its manifest names; build it again") from None
        if settings is None:
            unfinished = "; its building was broken off before it was done" if (path / LOCK).exists() else ""
            raise LangueError(
                f"there is no index in {path}{unfinished}: langue index build DOCS … --out {path} makes one"
            )
        if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / LOCK).exists())):
            raise LangueError(f"{path} is there and is no index; choose another folder")
        return cls(path, settings, None)

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        """See `Store`."""
        return self._table.dense(vector, k, where)

    def text(self, words: Sequence[str], k: int, where: Where) -> list[Scored]:
        """See `Store`."""
        return self._postings.search(words, k, self._table.allowed(where) if where else None)

    def both(self, vector: np.ndarray, words: Sequence[str], k: int, where: Where) -> tuple[list[Scored], list[Scored]]:
        """See `Store`. LanceDB and NumPy let other threads run while they work."""
        with ThreadPoolExecutor(1) as beside:
            nearest = beside.submit(self.dense, vector, k, where)
            said = self.text(words, k, where)
            return nearest.result(), said

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """See `Store`."""
        return self._table.passages(keys)

    @contextmanager
    def writing(self) -> Iterator[_Writer]:
        """See `Store`."""
        self.path.mkdir(parents=True, exist_ok=True)
        with _locked(self.path):
            content = _content(self.path)
            before = None if content is None else read_manifest(content, str(self.path))
            if before is None:
                _clear(self.path)
            elif self.manifest is None or before.generation > self.manifest.generation:
                self.see(before)  # somebody else has written since it was opened
            yield _Writer(self, before)

    def see(self, manifest: Manifest) -> None:
        """Go over to another version."""
        self.manifest, self.settings = manifest, manifest.settings
        self._table = open_table(self.path, manifest.settings, manifest)
        self._postings = Postings.load(self.path / _postings(manifest.generation))

    def close(self) -> None:
        """Nothing is held but memory."""


class _Writer:
    """A `Writer` of a folder."""

    def __init__(self, store: FolderStore, before: Manifest | None):
        self._store, self._before, path = store, before, store.path
        self._table = open_table(path, store.settings, before, write=True)
        self._postings = None if before is None else Postings.load(path / _postings(before.generation))
        self._gone = [np.empty(0, np.int64)]
        self._collector = Collector()

    def digests(self) -> dict[str, str]:
        return {} if self._before is None else self._table.digests()

    def delete(self, documents: Sequence[str]) -> int:
        keys = self._table.keys_of(documents)
        self._table.delete(documents)
        self._gone.append(keys)
        return len(keys)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        self._table.add(passages, vectors)
        for passage in passages:
            self._collector.add(passage.key, words_of(passage.text))

    def commit(self, manifest: Manifest) -> None:
        path = self._store.path
        generation = 1 + (0 if self._before is None else self._before.generation)
        self._collector.save(path / _postings(generation), self._postings, np.concatenate(self._gone))
        place = self._table.finish(generation)
        manifest = manifest.model_copy(update={"generation": generation, "place": place})
        _replace(path, manifest)
        self._table.tidy()
        for old in path.glob("postings-*"):
            if old.name not in (_postings(generation), _postings(generation - 1)):
                shutil.rmtree(old, ignore_errors=True)
        self._store.see(manifest)


def _postings(generation: int) -> str:
    return f"postings-{generation:06d}"


def _content(path: Path) -> str | None:
    try:
        return (path / MANIFEST).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _replace(path: Path, manifest: Manifest) -> None:
    beside = path / f".{MANIFEST}"
    with beside.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path)
    os.replace(beside, path / MANIFEST)
    sync_folder(path)


def _clear(path: Path) -> None:
    """Remove what a first building left that was broken off."""
    for old in path.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != LOCK:
            old.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Be the only writer. The system itself unlocks the file of a process that ends, however it ends."""
    with (path / LOCK).open("w") as file:
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LangueError(f"another process is writing {path}; wait until it is done") from None
        yield
