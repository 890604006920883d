"""SHA-256 of files; a large one is read once on a machine, and known by its size and times from then on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from langue.errors import LangueError

LARGE = 1 << 22
"""Bytes from which on a digest is remembered; a smaller file is read in a few milliseconds."""

REMEMBERED = 4096
"""Files whose digests are remembered, the last ones."""

_always = False


@contextmanager
def every_byte(on: bool = True) -> Iterator[None]:
    """Read every byte of what is opened in this block, whatever is remembered of a file; what `--verify` means."""
    global _always
    before, _always = _always, on or _always
    try:
        yield
    finally:
        _always = before


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read anew if the file is small or has changed in size or times since it was
    read on this machine."""
    return recall(path, "sha256", read_digest)


def recall(path: Path, kind: str, work_out: Callable[[Path], str]) -> str:
    """A text that follows from a file's bytes: remembered for a large file as long as its size and times stay."""
    about = path.stat()
    if about.st_size < LARGE:
        return work_out(path)
    key = f"{kind} {os.path.realpath(path)}"
    state = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
    entry = None if _always else _remembered().get(key)
    if isinstance(entry, list) and entry[:-1] == state and isinstance(entry[-1], str):
        return entry[-1]
    value = work_out(path)
    _remember(key, [*state, value])
    return value


def read_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, from its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def memory_file() -> Path:
    """The file in which digests of large files are remembered, in the user's cache."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "langue" / "digests.json"


def _remembered() -> dict[str, Any]:
    try:
        content = json.loads(memory_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, RuntimeError):
        return {}
    return content if isinstance(content, dict) else {}


def _remember(key: str, entry: list[Any]) -> None:
    """Write down a digest; where that cannot be, the file is read again next time."""
    from langue.files.staging import write_text

    known = _remembered()
    known.pop(key, None)
    known[key] = entry
    with suppress(LangueError, OSError, RuntimeError):
        write_text(memory_file(), json.dumps(dict(list(known.items())[-REMEMBERED:])))
