"""An index that is kept up with a folder, by looking at the times and sizes of its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from langue.data.lines import UnreadableFile
from langue.errors import LangueError
from langue.search.change import Change
from langue.search.documents import readable_files
from langue.search.embedder import TextEmbedder
from langue.search.index import Index
from langue.search.settings import IndexSettings

Stamp = tuple[int, int, int]
"""The time of a file's last change in nanoseconds, its size in bytes, and its number on the disk."""


class FolderWatch:
    """Looks at a folder and brings an index up to date; nothing that has not changed is read again.

    Args:
        folder: with documents.
        place: the index, which is made if it is not there.
        model: makes its vectors; None for an index of words alone.
        settings: of a new index.
        device: where a model that is named is loaded.
    """

    def __init__(
        self,
        folder: Path,
        place: Path | str,
        model: TextEmbedder | Path | str | None = None,
        settings: IndexSettings | None = None,
        device: str = "auto",
    ):
        if not folder.is_dir():
            raise LangueError(f"{folder} is no folder; name the one with the documents")
        self.folder, self.place, self.model, self.settings, self.device = folder, place, model, settings, device
        self.index: Index | None = None
        self._stamps: Mapping[str, Stamp] = {}
        self._ids: dict[str, list[str]] = {}
        """Ids of the documents of each file."""
        self._shares_ids = False
        """True where two files call a document the same, of which the first counts."""

    def look(self) -> Change | None:
        """Bring the index up to date; None where nothing has changed since the last look.

        Raises:
            LangueError: a file cannot be read at all, nothing of the folder can be used, or another process writes the
                index. The next look tries again.
        """
        stamps = self._look_at_files()
        if self.index is None:
            change = self._build()
        elif stamps == self._stamps:
            return None
        else:
            change = self._build() if self._shares_ids else self._renew(stamps)
        self._stamps = stamps
        return change

    def _look_at_files(self) -> dict[str, Stamp]:
        stamps = {}
        for file in readable_files(self.folder):
            try:
                status = os.stat(file)
            except OSError:  # gone since the folder was opened
                continue
            stamps[str(file)] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return stamps

    def _build(self) -> Change:
        is_loaded = self.index is not None and self.index.manifest.model is not None
        model = self.index.model if self.index is not None and is_loaded else self.model
        index = Index.build(self.folder, self.place, model, self.settings, self.device)
        change = index.change
        assert change is not None
        self.index, self._ids, self._shares_ids = index, change.sources, change.dropped["duplicate id"] > 0
        return change

    def _renew(self, stamps: Mapping[str, Stamp]) -> Change:
        """Read the files that are new or have changed; all of them, where two of them call a document the same."""
        assert self.index is not None
        changed = [name for name, stamp in stamps.items() if self._stamps.get(name) != stamp]
        gone = [name for name in self._stamps if name not in stamps]
        leaving = {id for name in (*changed, *gone) for id in self._ids.get(name, ())}
        staying = {id for name, ids in self._ids.items() if name in stamps and name not in changed for id in ids}
        try:
            change = self.index.renew(changed, leaving)
        except UnreadableFile:  # beside others it is counted
            return self._build()
        if change.dropped["duplicate id"] or any(id in staying for ids in change.sources.values() for id in ids):
            return self._build()
        self._ids = {name: ids for name, ids in self._ids.items() if name in stamps and name not in changed}
        self._ids |= change.sources
        return change
