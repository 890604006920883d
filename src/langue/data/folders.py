"""Folders: all files in one and those below it, each once, and a word about whatever is passed over."""

from __future__ import annotations

import fnmatch
import glob
import json
import os
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path

from langue.console import remark
from langue.data.records import Dropped
from langue.files import MANIFEST

DATASETS = ("dataset_info.json", "dataset_dict.json")
"""The files by which a folder is known that `datasets` saved."""

OTHER_KIND = "kind of file that is not read"

CLOSED = "folder that cannot be opened"

NAMED = 3
"""Files that are named where many are passed over."""

_reported: set[tuple[str, int]] = set()


def walk(folder: Path) -> tuple[list[Path], list[Dropped]]:
    """All files of a folder and of those below it, in the order of their names, and what is there but cannot be read.

    Links are followed, and no file or folder is read twice, whether links lead in a circle or to a neighbour; it has
    the name at which it really stands, if that is in the folder. Hidden ones are no part of it, nor is what Langue made
    itself; a dataset that was saved inside is passed over as a whole.
    """
    files: list[Path] = []
    passed: list[Dropped] = []
    real, links = deque([folder]), deque[Path]()
    seen: set[tuple[int, int]] = set()
    while real or links:
        place = real.popleft() if real else links.popleft()
        status = place.stat()
        key = status.st_dev, status.st_ino
        if key in seen:
            continue
        seen.add(key)
        if place.is_file():
            files.append(place)
        elif place != folder and is_dataset(place):
            passed.append(Dropped("saved dataset", str(place), 1, 0, ""))
        elif place == folder or not is_made(place):
            _open(place, real, links, passed)
    return sorted(files), passed


def _open(place: Path, real: deque[Path], links: deque[Path], passed: list[Dropped]) -> None:
    """Put what a folder holds where it belongs."""
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:
        passed.append(Dropped(CLOSED, str(place), 1, 0, ""))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = place / entry.name
        if path.is_dir() or path.is_file():
            (links if entry.is_symlink() else real).append(path)
        else:
            passed.append(_neither(path))


def _neither(path: Path) -> Dropped:
    """A name that is no file's and no folder's."""
    return Dropped("neither a file nor a folder" if path.exists() else "broken link", str(path), 1, 0, "")


def match_pattern(pattern: Path) -> tuple[list[Path], list[Dropped]]:
    """The files and folders that a pattern matches, in the order of their names, and what it matches and is neither.

    Below a folder `**` matches what `walk` finds, as `glob` would go round in circles of links, and give each file as
    often as there are ways to it. A folder there that cannot be opened might hold anything.
    """
    parts = pattern.parts
    if "**" not in parts:
        paths = sorted(map(Path, glob.glob(str(pattern))))
        if not glob.has_magic(str(pattern)):  # a pipe that is named is read
            return paths, []
        others = {path: _neither(path) for path in paths if not (path.is_dir() or path.is_file())}
        return [path for path in paths if path not in others], list(others.values())
    first = parts.index("**")
    matches, passed = [], []
    for folder in sorted(map(Path, glob.glob(str(Path(*parts[:first]))))):
        files, others = walk(folder) if folder.is_dir() else ([], [])
        matches += [file for file in files if _fits(file.relative_to(folder).parts, parts[first:])]
        passed += [
            other
            for other in others
            if other.reason == CLOSED or _fits(Path(other.origin).relative_to(folder).parts, parts[first:])
        ]
    return sorted(matches), passed


def plain_part(pattern: Path) -> Path:
    """The folder from which on a pattern is one."""
    return next(place for place in (pattern, *pattern.parents) if not glob.has_magic(str(place)))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """True for parts of a path that fit a pattern's, in which `**` stands for any number of them."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatch(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def is_dataset(folder: Path) -> bool:
    """True for a folder that `datasets` saved."""
    return any((folder / name).is_file() for name in DATASETS)


def is_made(folder: Path) -> bool:
    """True for a folder that Langue made: a store, an index, a run."""
    try:
        return str(json.loads((folder / MANIFEST).read_bytes())["format"]).startswith("langue")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def of_kinds(files: Sequence[Path], kinds: Sequence[str]) -> tuple[list[Path], list[Dropped]]:
    """The files that have one of some endings, such as ".txt", and the others."""
    chosen = [file for file in files if file.suffix.lower() in kinds]
    others = [file for file in files if file.suffix.lower() not in kinds]
    return chosen, [Dropped(OTHER_KIND, str(file), 1, file.stat().st_size, "") for file in others]


def report_passed(folder: Path, passed: Sequence[Dropped]) -> None:
    """Say once how many files of a folder are passed over, of which kinds, and name some of them."""
    key = str(folder), len(passed)
    if not passed or key in _reported:
        return
    _reported.add(key)
    counts = Counter(_kind(dropped) for dropped in passed)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())
    some = ", ".join(os.path.relpath(dropped.origin, folder) for dropped in passed[:NAMED])
    remark(f"{folder}: {len(passed):,} not read ({kinds}): {some}{', …' if len(passed) > NAMED else ''}")


def _kind(dropped: Dropped) -> str:
    if dropped.reason != OTHER_KIND:
        return dropped.reason
    return Path(dropped.origin).suffix.lower() or "without an ending"
