"""Sources: from a path, glob, folder, `hf:` name or Python iterable to the places that hold records."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.errors import LangueError

EMBEDDED = "embedded"
TEXT = (".txt", ".text", ".md", ".rst")
TABLES = (".jsonl", ".csv", ".tsv", ".parquet")
DATASETS = ("dataset_info.json", "dataset_dict.json")
"""What lies in a folder that `datasets` saved."""

Given = str | Path | Iterable[Any]


@dataclass(frozen=True)
class Origin:
    """One place that records come from.

    Attributes:
        name: what errors and reports call it.
        kind: "text", "jsonl", "csv", "tsv", "parquet", "hf", "folder" (a saved dataset), "rows" or "embedded".
        path: the file or folder, where there is one.
        rows: the iterable, where there is one.
        size: in bytes, or 0 where nobody knows.
    """

    name: str
    kind: str
    path: Path | None = None
    rows: Iterable[Any] | None = None
    size: int = 0


def find_sources(given: Given | Mapping[str, float], also: tuple[str, ...] = ()) -> list[Origin]:
    """All places that a source stands for, files in the order of their names.

    A list or tuple of strings names sources; any other iterable gives rows itself, as mappings or as texts.

    Args:
        given: the source.
        also: endings of further files, such as ".pdf", that the caller reads; they are their kinds, without the dot.

    Raises:
        LangueError: a file or pattern matches nothing, or is of a kind that nobody reads.
    """
    if isinstance(given, str | Path):
        return _named(str(given), also)
    if isinstance(given, Mapping) or (
        isinstance(given, list | tuple) and all(isinstance(part, str | Path) for part in given)
    ):
        return [origin for part in given for origin in _named(str(part), also)]
    return [Origin("rows", "rows", rows=given)]


def _named(name: str, also: tuple[str, ...]) -> list[Origin]:
    if name == EMBEDDED:
        return [Origin(name, "embedded")]
    if name.startswith("hf:"):
        return [Origin(name, "hf")]
    path = Path(name).expanduser()
    if path.is_dir():
        return _folder(path, also)
    if path.is_file():
        return [_file(path, also)]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True)) if Path(match).is_file()]
    if not matches:
        what = "no file matches" if glob.has_magic(name) else "there is no file"
        raise LangueError(f"{what} {name}")
    return [_file(match, also) for match in matches]


def _folder(path: Path, also: tuple[str, ...]) -> list[Origin]:
    if any((path / name).is_file() for name in DATASETS):
        return [Origin(str(path), "folder", path=path)]
    if (path / "manifest.json").is_file():
        raise LangueError(f"{path} is prepared already; give the text itself")
    known = (*TEXT, *TABLES, *also)
    files = [file for file in _files(path) if file.suffix.lower() in known]
    if not files:
        raise LangueError(f"{path} holds no {', '.join(known)} file")
    return [_file(file, also) for file in files]


def unread(given: Given | Mapping[str, float], also: tuple[str, ...] = ()) -> list[Path]:
    """Files in folders among a source's names that `find_sources` passes over, for they are of no kind that is read."""
    names = [given] if isinstance(given, str | Path) else given if isinstance(given, list | tuple | Mapping) else []
    folders = [Path(name).expanduser() for name in names if isinstance(name, str | Path)]
    known = (*TEXT, *TABLES, *also)
    files = (file for path in folders if path.is_dir() for file in _files(path) if file.suffix.lower() not in known)
    return [file for file in files if not any(_is_made(folder) for folder in file.parents)]


def _is_made(folder: Path) -> bool:
    """Whether a folder is a dataset that was saved, or was made by Langue: a store, or an index."""
    return any((folder / name).is_file() for name in (*DATASETS, "manifest.json"))


def _files(path: Path) -> list[Path]:
    """All files in a folder and those below it, in the order of their names, but for hidden ones."""
    found = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _file(path: Path, also: tuple[str, ...]) -> Origin:
    suffix = path.suffix.lower()
    if suffix in TABLES or suffix in also:
        kind = suffix[1:]
    elif suffix in TEXT or not suffix:
        kind = "text"
    else:
        known = ", ".join((*TEXT, *TABLES, *also))
        raise LangueError(f"{path} is of a kind that is not read; known are {known}; rename it if it is plain text")
    return Origin(str(path), kind, path=path, size=path.stat().st_size)
