"""Holding a folder: one process at a time, and as it was before if nothing whole came about in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langue.errors import LangueError
from langue.files import ledger, protection
from langue.files.disk import make_folders, remove_empty, write_errors
from langue.files.kept import discard_pieces
from langue.files.ledger import remove_files
from langue.files.staging import sweep

LOCK = ".langue.lock"


def is_unfinished(folder: Path) -> bool:
    """True where a setting-up of ours was broken off."""
    return ledger.read(folder) is not None


@contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """Be the only process in a folder; the operating system lets go of the lock of a process that dies.

    Raises:
        LangueError: another process holds it, as `busy` says.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise LangueError(busy) from None
    place = Path(os.path.realpath(folder))
    protection.held.append(place)
    try:
        yield
    finally:
        protection.held.remove(place)
        lock.release()


def is_held(folder: Path) -> bool:
    """True while a process holds a folder, and where that cannot be told."""
    from filelock import FileLock, Timeout

    if not (folder / LOCK).is_file():
        return False
    try:
        with FileLock(folder / LOCK, blocking=False):
            return False
    except (Timeout, OSError):
        return True


@contextmanager
def claim(folder: Path, is_whole: Callable[[], bool], *, busy: str, taken: str) -> Iterator[None]:
    """Hold a folder while something whole is made in it or goes on in it.

    As long as `is_whole` is False, all that is written by `langue.files` in the folder is noted, and removed again when
    the block ends without it having become True; what a kill left is removed by the next claim. Other files stay, and
    so do pieces of work (`kept`), for the next claim to go on with.

    Args:
        folder: it may be missing, be empty, hold what a kill left, or hold something whole.
        is_whole: tells whether the folder holds the thing.
        busy: the sentence for a folder that another process holds.
        taken: the sentence for a folder that holds something else.

    Raises:
        LangueError: the folder is held, or holds something else.
    """
    with write_errors(folder, "choose another folder"):
        made = make_folders(folder)
    try:
        whole = is_whole()
        if not whole and not is_unfinished(folder) and _others(folder):
            raise LangueError(taken)
        new = not (folder / LOCK).exists()
        with locked(folder, busy):
            try:
                with _noted(folder, is_whole, taken):
                    yield
            finally:
                if new and not is_whole():
                    with suppress(OSError):  # Windows removes no file that is open
                        (folder / LOCK).unlink(missing_ok=True)
    finally:
        remove_empty(made)


@contextmanager
def _noted(folder: Path, is_whole: Callable[[], bool], taken: str) -> Iterator[None]:
    """Keep the list of what is written until the folder is whole, and undo it if it never becomes so."""
    if is_whole():
        (folder / ledger.NAME).unlink(missing_ok=True)  # a kill came between the last file and the list's removal
        discard_pieces(folder)
        yield
        return
    _undo(folder)
    if _others(folder):
        raise LangueError(taken)
    notes = ledger.Ledger(folder)
    try:
        yield
    finally:
        notes.close()
        if not is_whole():
            _undo(folder)
        (folder / ledger.NAME).unlink(missing_ok=True)


def _undo(folder: Path) -> None:
    """Remove what the list names, and what was being written beside it."""
    names = ledger.read(folder) or []
    for place in [folder, *(folder / name for name in names)]:
        if place.is_dir() and not place.is_symlink():
            sweep(place)
    remove_files(folder, names)


def is_free(folder: Path) -> bool:
    """True where something may be made in a folder: it is empty, or what is in it was left by a kill."""
    return folder.is_dir() and (is_unfinished(folder) or not _others(folder))


def _others(folder: Path) -> bool:
    """True where a folder holds anything but our own lock and list, and what is kept for the next setting-up."""
    return any(path.name not in (LOCK, ledger.NAME, ledger.KEPT) for path in folder.iterdir())
