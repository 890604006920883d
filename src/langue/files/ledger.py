"""The list of what a setting-up has written into a folder, kept on the disk ahead of each write.

When a setting-up fails or is killed, the paths of the list are removed, and nothing else. Each line holds a CRC-32 and
a path relative to the folder, so that a damaged line removes nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

NAME = ".langue.unfinished"
KEPT = ".langue.kept"
"""A folder whose content is never noted; see `kept`."""
SIGNATURE = b"Langue sets up this folder; what it has written so far:\n"

_open: list[Ledger] = []


class Ledger:
    """An open list of a folder; `note` adds what is written in it until it is closed."""

    def __init__(self, folder: Path):
        self.folder = Path(os.path.realpath(folder))
        self._file = (self.folder / NAME).open("wb", buffering=0)
        self._file.write(SIGNATURE)
        _open.append(self)

    def add(self, path: Path) -> None:
        """Note a path of the folder before it is written."""
        name = json.dumps(path.relative_to(self.folder).as_posix()).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(name), name))

    def close(self) -> None:
        """Note no more; the list stays on the disk."""
        if self in _open:
            _open.remove(self)
            self._file.close()


def note(path: Path) -> None:
    """Note a file or folder that is about to be written, where it lies in a folder that is being set up, and not among
    what is kept for the next one."""
    place = Path(os.path.realpath(path))
    for ledger in _open:
        is_within = place != ledger.folder and place.is_relative_to(ledger.folder)
        if is_within and not place.is_relative_to(ledger.folder / KEPT):
            ledger.add(place)


def note_tree(content: Path, target: Path) -> None:
    """Note a file or a folder with all in it, which is about to be moved to its place."""
    for place in [target, *(target / path.relative_to(content) for path in sorted(content.rglob("*")))]:
        note(place)


def read(folder: Path) -> list[str] | None:
    """The relative paths in a folder's list, or None where there is no list of ours."""
    try:
        content = (folder / NAME).read_bytes()
    except OSError:
        return None
    if not content.startswith(SIGNATURE):
        return None
    paths = []
    for line in content[len(SIGNATURE) :].split(b"\n"):
        check, _, name = line.partition(b" ")
        if check == b"%08x" % zlib.crc32(name):
            paths.append(json.loads(name))
    return paths


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files by their relative paths, then the folders between that have become empty.

    A path that leads out of the folder is passed over.
    """
    root = Path(os.path.realpath(folder))
    # By the path as it is written: a link is removed itself, and never followed.
    places = {Path(os.path.normpath(root / name)) for name in names}
    places = {place for place in places if place != root and place.is_relative_to(root)}
    places = {place for place in places if Path(os.path.realpath(place.parent)).is_relative_to(root)}
    folders = {parent for place in places for parent in place.parents if parent != root and parent.is_relative_to(root)}
    for place in places:
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
    for place in sorted({*folders, *places}, key=lambda place: len(place.parts), reverse=True):
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()
