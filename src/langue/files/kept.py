"""Work that takes long and outlives a setting-up that is broken off, so that the next one need not do it again.

It lies in a folder of its own within the one that is being set up, which no list of what is to be undone names.
"""

from __future__ import annotations

from pathlib import Path

from langue.files.disk import remove_empty
from langue.files.ledger import KEPT

ENDING = ".piece"


def piece_of(folder: Path, key: str) -> Path:
    """The place of a piece of work within a folder that is being set up.

    Args:
        folder: that is being set up.
        key: in hexadecimal digits, a hash of all that the piece depends on.
    """
    return folder / KEPT / f"{key}{ENDING}"


def discard_pieces(folder: Path) -> None:
    """Remove the pieces within a folder in which something whole has come about."""
    for piece in (folder / KEPT).glob(f"*{ENDING}"):
        piece.unlink(missing_ok=True)
    remove_empty([folder / KEPT])
