"""Writing beside a place and renaming: a file or folder is whole or not there, whatever happens meanwhile.

The staging folder `.NAME.XXXXXXXX.writing` holds a mark that its writer keeps locked. A mark without a writer is what a
kill left, and the next writer in the same place removes it; a folder of such a name without the mark is somebody's own.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langue.errors import LangueError
from langue.files import ledger
from langue.files.disk import SUFFIX, make_folders, move_file, remove_empty, sync, write_errors
from langue.files.protection import refuse_protected

MARK = ".langue.mark"
SIGNATURE = "Langue writes here. Without a running writer this folder is of no use and may be removed.\n"
ADVICE = "make room and try again"
_CONTENT = "content"


@contextmanager
def replacing(path: Path | str, *, advice: str = ADVICE) -> Iterator[Path]:
    """A place to write a file or to make a folder, which takes the place of `path` once the disk has all of it.

    An exception leaves `path` as it was and nothing beside it. A file keeps the mode of the one that it replaces, else
    it gets what the umask allows. A folder may replace one that is empty, nothing else. A device or a pipe is written
    in place.

    Args:
        path: the file or folder to be.
        advice: what the user can do when the disk is full.

    Yields:
        A path that does not exist yet.

    Raises:
        LangueError: the disk is full, read-only, or the like, the file that is there is protected against writing, or
            a folder would replace what is there.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    refuse_protected(target)
    with write_errors(target, advice):
        made = make_folders(target.parent)
        try:
            sweep(target.parent)
            with _staging(target) as stage:
                yield stage / _CONTENT
                settle(stage / _CONTENT, stage / MARK)
                _move(stage / _CONTENT, target)
        except BaseException:
            remove_empty(made)
            raise


def write_text(path: Path | str, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all, with line feeds as they stand in the text."""
    with replacing(path) as place:
        place.write_bytes(text.encode("utf-8"))


def sweep(place: Path) -> None:
    """Remove the staging folders in a folder whose writers were killed."""
    for folder in place.iterdir():
        if folder.name.startswith(".") and folder.name.endswith(SUFFIX) and _is_abandoned(folder):
            _discard(folder)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A new folder beside a place, gone in the end, whose mark is locked as long as this process writes."""
    from filelock import FileLock

    # A name may have 255 bytes, and some letters are four to a character.
    stage = target.with_name(f".{target.name[:48]}.{os.urandom(4).hex()}{SUFFIX}")
    mark = stage / MARK
    ledger.note(stage)  # a kill may come before the mark is whole
    ledger.note(mark)
    stage.mkdir()
    try:
        mark.write_text(SIGNATURE, encoding="utf-8")
        with FileLock(mark, blocking=False):
            yield stage
    finally:
        _discard(stage)


def _discard(stage: Path) -> None:
    """Remove a staging folder, its mark last: what a kill leaves in the middle can still be told to be ours."""
    for path in stage.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != MARK:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        (stage / MARK).unlink(missing_ok=True)
        stage.rmdir()


def _is_abandoned(folder: Path) -> bool:
    """True for a staging folder of ours whose writer runs no more."""
    from filelock import FileLock, Timeout

    mark = folder / MARK
    try:
        if mark.is_symlink() or not SIGNATURE.startswith(mark.read_text(encoding="utf-8")):
            return False  # one that is cut short was being written when the kill came
        with FileLock(mark, blocking=False):
            return True
    except (OSError, ValueError, Timeout):
        return False


def settle(content: Path, mark: Path) -> None:
    """Give all files the mode that the umask allows, as the mark has it, since some libraries write for their owner
    alone; then sync."""
    mode = stat.S_IMODE(mark.stat().st_mode)
    for place in [*content.rglob("*"), content] if content.is_dir() else [content]:
        if place.is_file() and not place.is_symlink():
            place.chmod(mode)
        sync(place)


def _move(content: Path, target: Path) -> None:
    if content.is_dir():
        ledger.note_tree(content, target)
        if target.exists():
            try:
                target.rmdir()
            except OSError:
                raise LangueError(f"{target} already exists; remove it or choose another name") from None
        os.replace(content, target)
    elif target.is_dir():
        raise LangueError(f"{target} is a folder; name a file")
    else:
        move_file(content, target)
    sync(target.parent)
