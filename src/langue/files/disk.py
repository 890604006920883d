"""The disk itself: syncing, making folders, and the reason why a write failed."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langue.errors import LangueError
from langue.files import ledger

SUFFIX = ".writing"
"""The end of the names of folders in which things are written before they take their places."""

FULL = "the disk is full"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, would outlast a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # and syncs what may be written alone
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing.

    Returns:
        The folders that this call made, the topmost first: those alone may be removed again.
    """
    made = []
    for place in reversed([folder, *folder.parents]):
        if not place.is_dir():
            try:
                place.mkdir()
            except FileExistsError:
                if not place.is_dir():  # and not another process was faster
                    raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(place)) from None
            else:
                made.append(place)
                ledger.note(place)
    return made


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder. Windows removes no file of it that is still mapped, and leaves it to the system."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=os.name == "nt") as folder:
        yield Path(folder)


def move_file(source: Path, target: Path) -> None:
    """Put a file in the place of another, whose mode it takes; `target` is the old or the new one at any moment."""
    ledger.note(target)
    if target.is_file():
        source.chmod(stat.S_IMODE(target.stat().st_mode))
    os.replace(source, target)


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that are empty, the last first; one that holds anything stays, and so do those above it."""
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            return


def disk_fault(error: Exception) -> str:
    """The reason why a write failed; libraries in Rust tell the number of the error in their text alone."""
    if isinstance(error, shutil.Error) and error.args and error.args[0]:  # which holds a reason for each file
        return disk_fault(Exception(str(error.args[0][0][-1]).replace("[Errno", "os error")))
    number = getattr(error, "errno", None)
    match = re.search(r"os error (\d+)", str(error))
    if number is None and match:
        number = int(match[1])
    if number in _FULL:
        return FULL
    return os.strerror(number) if number is not None else str(error)


@contextmanager
def write_errors(path: Path, advice: str) -> Iterator[None]:
    """Turn what the disk refuses into one sentence; errors about other files pass, since they are not of writing.

    Args:
        path: what is written.
        advice: what to do about a full disk.

    Raises:
        LangueError: the disk is full, read-only, or the like.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        name = getattr(error, "filename", None)
        if isinstance(name, str) and SUFFIX not in name and Path(name) not in (path, *path.parents):
            raise
        full = f"; {advice}" if disk_fault(error) == FULL else ""
        raise LangueError(f"{path} could not be written: {disk_fault(error)}{full}") from None
