"""An index in a folder: a manifest that points at one version of everything, and is replaced in one move.

A writer leaves the files of the last version alone, writes new ones beside them, waits for the disk, and renames the
manifest over the old one; whatever kills it before leaves the old version. Readers have read one manifest and see what
it points at until they open the index again. The version before the last is kept for them. The manifest knows the
bytes of each file, so that damage is named.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from langue.errors import LangueError
from langue.errors import reading as guard
from langue.files import MANIFEST as FILES
from langue.files import Manifest as FileManifest
from langue.files import claim, is_unfinished, remove_files, replacing_listed, write_text
from langue.files.claim import is_free
from langue.files.disk import remove_empty
from langue.files.manifest import Entry, describe
from langue.search.collector import Collector
from langue.search.postings import Postings
from langue.search.settings import IndexSettings
from langue.search.store import ADVICE, IndexManifest, IndexWriter, Passage, Scored, Store, Table, read_manifest
from langue.search.where import Where

MANIFEST = "manifest.json"
LANCE = "lance"
VERSIONS = ("passages", "postings")
"""Beginnings of the names of folders that hold one version's flat arrays."""
CHANGING = ("latest_version_hint.json",)
"""Files that LanceDB changes in place, and can do without."""


def open_table(
    path: Path, settings: IndexSettings, manifest: IndexManifest | None, writing: ExitStack | None = None
) -> Table:
    """The table of a folder, in the version that its manifest says.

    Args:
        path: of the index.
        settings: its own.
        manifest: of the version; None where there is none yet.
        writing: of one that is to be written: undoes what is begun, unless it is finished.
    """
    if settings.kind == "memory":
        from langue.search.memory import MemoryTable

        return MemoryTable.open(path, settings.storage, manifest)
    from langue.search.lance import LanceTable

    return LanceTable.open(path / LANCE, settings.storage, manifest, writing)


class FolderStore(Store):
    """A `Store` in a folder.

    Args:
        path: of the folder.
        settings: of the index.
        manifest: of the version to be seen; None where there is none yet.
    """

    def __init__(self, path: Path, settings: IndexSettings, manifest: IndexManifest | None):
        self.path, self.settings = path, settings
        self.manifest: IndexManifest | None = None
        if manifest is not None:
            self.see(manifest)

    @classmethod
    def open(cls, place: str, settings: IndexSettings | None) -> FolderStore:
        """The last good version, or the place of a new index.

        Raises:
            LangueError: a file is damaged, there is no index and none is to be made, or something else is there.
        """
        path = Path(place)
        while (content := _content(path)) is not None:
            try:
                manifest = read_manifest(content, str(path / MANIFEST))
                return cls(path, manifest.settings, manifest)
            except LangueError:
                # Two writers may have finished since the manifest was read, so that its files are gone.
                if _content(path) == content:
                    raise
        if settings is None:
            unfinished = "; its building was broken off before it was done" if is_unfinished(path) else ""
            raise LangueError(
                f"there is no index in {path}{unfinished}; to make one: "
                f"langue index build DOCS --out {shlex.quote(str(path))}"
            )
        if path.exists() and not is_free(path):
            raise LangueError(_taken(path))
        return cls(path, settings, None)

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        with self.reading():
            return self._table.dense(vector, k, where)

    def text(self, words: Sequence[str], k: int, where: Where) -> list[Scored]:
        with self.reading():
            return self._postings.search(words, k, self._table.allowed(where) if where else None)

    def both(self, vector: np.ndarray, words: Sequence[str], k: int, where: Where) -> tuple[list[Scored], list[Scored]]:
        """See `Store`. LanceDB and NumPy let other threads run while they work."""
        with ThreadPoolExecutor(1) as beside:
            nearest = beside.submit(self.dense, vector, k, where)
            matching = self.text(words, k, where)
            return nearest.result(), matching

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        with self.reading():
            return self._table.passages(keys)

    def reading(self) -> AbstractContextManager[None]:
        """Guard around what takes numbers from the files, which come from the disk only when they are needed, for
        places in others: those that do not fit together lead beyond an end."""
        return guard(self.path, ADVICE)

    @contextmanager
    def writing(self) -> Iterator[_FolderWriter]:
        busy = f"another process is writing {self.path}; wait until it is done"
        with (
            claim(self.path, lambda: _content(self.path) is not None, busy=busy, taken=_taken(self.path)),
            ExitStack() as stack,
        ):
            content = _content(self.path)
            before = None if content is None else read_manifest(content, str(self.path))
            if before is not None:
                if self.manifest is None or before.generation > self.manifest.generation:
                    self.see(before)  # somebody else has written since it was opened
                _remove_versions(self.path, {before.generation, before.generation - 1})
            yield _FolderWriter(self, before, stack)

    def see(self, manifest: IndexManifest, *, check: bool = True) -> None:
        """Go over to another version.

        Raises:
            LangueError: one of its files is damaged.
        """
        if check:
            _check(self.path, manifest)
        with self.reading():
            self.manifest, self.settings = manifest, manifest.settings
            self._table = open_table(self.path, manifest.settings, manifest)
            self._postings = Postings.load(self.path / _postings(manifest.generation))

    def close(self) -> None:
        """See `Store`; there is nothing to let go of but memory."""


class _FolderWriter(IndexWriter):
    """A change of an index in a folder."""

    def __init__(self, store: FolderStore, before: IndexManifest | None, stack: ExitStack):
        self._store, self._before, path = store, before, store.path
        self._table = open_table(path, store.settings, before, stack)
        self._postings = None if before is None else Postings.load(path / _postings(before.generation))
        self._gone = [np.empty(0, np.int64)]
        self._collector = Collector()

    def digests(self) -> dict[str, str]:
        with self._store.reading():
            return self._table.digests()

    def delete(self, documents: Sequence[str]) -> int:
        with self._store.reading():
            keys = self._table.keys_of(documents)
        self._table.delete(documents)
        self._gone.append(keys)
        return len(keys)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        self._table.add(passages, vectors)
        words = self._store.settings.words
        for passage in passages:
            self._collector.add(passage.key, words(passage.text))

    def commit(self, manifest: IndexManifest) -> None:
        path = self._store.path
        generation = 1 + (0 if self._before is None else self._before.generation)
        try:
            with replacing_listed(path / _postings(generation)) as folder:
                self._collector.save(folder, self._postings, np.concatenate(self._gone))
            place = self._table.finish(generation)
            files = _listed(path, generation, {} if self._before is None else self._before.files)
            manifest = manifest.replace(generation=generation, place=place, files=files)
            write_text(path / MANIFEST, manifest.text())
        except BaseException:
            _remove_versions(path, {generation - 1, generation - 2})
            raise
        _remove_versions(path, {generation, generation - 1})
        self._store.see(manifest, check=False)


def _postings(generation: int) -> str:
    return f"postings-{generation:06d}"


def _taken(path: Path) -> str:
    return f"{path} is there and is no index; choose another folder"


def _content(path: Path) -> str | None:
    """The text of a folder's manifest, or None where there is none."""
    with guard(path / MANIFEST, "bring it back from a copy, or remove the folder and build it again"):
        try:
            return (path / MANIFEST).read_bytes().decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None


def _listed(path: Path, generation: int, before: Mapping[str, Entry]) -> dict[str, Entry]:
    """Size and digest of each file of a version; those of LanceDB's never change, and are not read again."""
    files: dict[str, Entry] = {}
    for folder in (path / f"{name}-{generation:06d}" for name in VERSIONS):
        listed = FileManifest.read(folder)
        if listed is not None:
            files |= {f"{folder.name}/{name}": entry for name, entry in listed.files.items()}
            files[f"{folder.name}/{FILES}"] = describe(folder / FILES)
    for file in sorted((path / LANCE).rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and file.name not in CHANGING:
            known = before.get(name)
            files[name] = known if known and known["bytes"] == file.stat().st_size else describe(file)
    return files


def _check(path: Path, manifest: IndexManifest) -> None:
    """Compare all files of a version with what its manifest says of them.

    Raises:
        LangueError: names the file that is damaged.
    """
    files = FileManifest(manifest.files)
    for name in manifest.files:
        # LanceDB removes what none of its versions needs any more, at moments of its own; it says itself what it lacks.
        if not name.startswith(f"{LANCE}/") or (path / name).exists():
            files.check(path, name)


def _remove_versions(path: Path, keep: Collection[int]) -> None:
    """Remove the flat arrays of versions that nobody reads any more, or that were never finished; of a folder of such a
    name, only what a list of ours in it names."""
    for name in VERSIONS:
        for folder in path.glob(f"{name}-??????"):
            if folder.name.removeprefix(f"{name}-") in {f"{number:06d}" for number in keep}:
                continue
            with suppress(LangueError):
                listed = FileManifest.read(folder)
                if listed is not None:
                    remove_files(folder, [*listed.files, FILES])
                    remove_empty([folder])
