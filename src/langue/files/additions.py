"""Files that are added to a folder in which others lie."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from langue.errors import LangueError
from langue.files import ledger
from langue.files.disk import make_folders
from langue.files.staging import write_text


class Additions:
    """Files of some names that are written into a folder one by one, and replace none.

    What is written is noted ahead, so that the same command may begin anew after a kill.

    Args:
        folder: it may be missing.
        names: of all the files to come.

    Raises:
        LangueError: a file of such a name is there already.
    """

    def __init__(self, folder: Path, names: Iterable[str]):
        self.folder = folder
        self._earlier = ledger.read(folder) or []
        self._notes: ledger.Ledger | None = None
        for name in names:
            if os.path.lexists(folder / name) and name not in self._earlier:
                raise LangueError(f"{folder / name} is there already; remove it, or write into another folder")

    def write(self, name: str, text: str) -> None:
        """Write one, whole or not at all.

        Raises:
            LangueError: the disk is full, read-only, or the like.
        """
        if self._notes is None:
            make_folders(self.folder)
            self._notes = ledger.Ledger(self.folder)
            for earlier in self._earlier:
                self._notes.add(self._notes.folder / earlier)
        write_text(self.folder / name, text)

    def close(self, *, complete: bool) -> None:
        """Write no more; after all of them nothing is noted any longer."""
        if self._notes is not None:
            self._notes.close()
            if complete:
                (self.folder / ledger.NAME).unlink(missing_ok=True)
