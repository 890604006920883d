"""Files that nobody may replace: those that are protected against writing, though a rename would not care, and parts of
a folder that a manifest of ours describes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Container
from pathlib import Path

from langue.errors import LangueError

MANIFEST = "manifest.json"

held: list[Path] = []
"""The folders that this process holds, such as a run's while it is trained: what lies in them is its own."""


def refuse_protected(path: Path) -> None:
    """Refuse to replace a file that may not be written, as `cp` does, and for root as well if nobody may.

    Raises:
        LangueError: the file is protected.
    """
    place = Path(os.path.realpath(path))
    if not place.is_file() or any(place.is_relative_to(folder) for folder in held):
        return
    if not (os.access(place, os.W_OK) and stat.S_IMODE(place.stat().st_mode) & 0o222):
        raise LangueError(f"{path} is protected against writing; choose another name, or allow it by chmod u+w")


def refuse_listed(path: Path) -> None:
    """Refuse to put something else in the place of a file of a run, a model, an index or another folder of ours.

    Raises:
        LangueError: a manifest in a folder above it describes the file.
    """
    place = Path(os.path.realpath(path))
    for folder in place.parents if place.is_file() else ():
        name = place.relative_to(folder).as_posix()
        if name in _described_by(folder / MANIFEST, name):
            raise LangueError(f"{path} belongs to {folder}, and would be lost; choose another name")


def _described_by(manifest: Path, name: str) -> Container[str]:
    """The files of a folder's manifest, and itself; of one that lists none, such as an index's, whatever lies there."""
    try:
        content = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(content, dict) or not str(content.get("format")).startswith("langue"):
        return ()
    return {MANIFEST, *content.get("files", (name,))}
