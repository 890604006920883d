"""Files that are protected against writing: a rename would replace them all the same, and does not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from langue.errors import LangueError

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
