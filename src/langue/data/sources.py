"""Sources: from a path, glob, folder, `hf:` or `package:` name or Python iterable to the places that hold records."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.data.folders import is_dataset, match_pattern, of_kinds, plain_part, report_passed, walk
from langue.data.records import Dropped
from langue.errors import LangueError
from langue.files import MANIFEST
from langue.remote import PACKAGE, within_package

EMBEDDED = "embedded"
TEXT = (".txt", ".text", ".md", ".rst")
CODE = (
    *(".py", ".pyi", ".js", ".mjs", ".ts", ".jsx", ".tsx", ".java", ".kt", ".scala", ".groovy", ".c", ".h", ".cc"),
    *(".cpp", ".cxx", ".hpp", ".cu", ".cs", ".fs", ".go", ".rs", ".zig", ".swift", ".m", ".mm", ".rb", ".php", ".pl"),
    *(".pm", ".lua", ".r", ".jl", ".f90", ".pas", ".hs", ".ml", ".ex", ".exs", ".erl", ".clj", ".lisp", ".el", ".sh"),
    *(".bash", ".zsh", ".ps1", ".sql", ".css", ".scss", ".vue", ".tex", ".bib", ".org", ".adoc", ".rmd", ".qmd"),
    *(".proto", ".cmake", ".toml"),
)
"""Endings of source code, which is read as text where it is named, and in folders where the caller wants it."""
TABLES = (".jsonl", ".csv", ".tsv", ".parquet")
DataSource = str | Path | Iterable[Any]


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

    @property
    def file(self) -> Path:
        """The file, for those kinds that are files."""
        assert self.path is not None
        return self.path


def find_sources(
    source: DataSource | Mapping[str, float],
    also: tuple[str, ...] = (),
    passed: list[Dropped] | None = None,
    named: tuple[str, ...] = (),
) -> list[Origin]:
    """All places that a source stands for, files in the order of their names.

    A list or tuple of strings names sources; any other iterable gives rows itself, as mappings or as texts.

    Args:
        source: paths, globs, folders, names or rows.
        also: endings of further files, such as ".pdf", that the caller reads; they are their kinds, without the dot. Of
            source code, it takes those in folders, too.
        passed: gets what folders hold and nobody reads; None says it instead.
        named: endings of files that the caller reads where they are named, and passes over in folders.

    Raises:
        LangueError: a file or pattern matches nothing, or is of a kind that nobody reads.
    """
    if isinstance(source, str | Path):
        return _named(str(source), also, passed, named)
    are_names = isinstance(source, list | tuple) and all(isinstance(part, str | Path) for part in source)
    if are_names or isinstance(source, Mapping):
        return [origin for part in source for origin in _named(str(part), also, passed, named)]
    return [Origin("rows", "rows", rows=source)]


def _named(name: str, also: tuple[str, ...], passed: list[Dropped] | None, named: tuple[str, ...]) -> list[Origin]:
    if name == EMBEDDED:
        return [Origin(name, "embedded")]
    if name.startswith("hf:"):
        return [Origin(name, "hf")]
    if name.startswith(PACKAGE):
        name = str(within_package(name))
    path = Path(name).expanduser()
    matches, unreadable = ([path], []) if path.is_dir() or path.is_file() else match_pattern(path)
    _pass_over(plain_part(path), unreadable, passed)
    if not matches:
        what = "no file matches" if glob.has_magic(name) else "there is no file"
        raise LangueError(f"{what} {name}")
    return [
        origin
        for match in matches
        for origin in (_folder(match, also, passed) if match.is_dir() else [_file(match, (*also, *named))])
    ]


def _folder(path: Path, also: tuple[str, ...], passed: list[Dropped] | None) -> list[Origin]:
    if is_dataset(path):
        return [Origin(str(path), "folder", path=path)]
    if (path / MANIFEST).is_file():
        raise LangueError(f"{path} is prepared already; give the text itself")
    known = (*TEXT, *TABLES, *also)
    there, unreadable = walk(path)
    files, others = of_kinds(there, known)
    _pass_over(path, [*others, *unreadable], passed)
    if not files:
        raise LangueError(f"{path} holds no {_named_kinds(also)} file")
    return [_file(file, also) for file in files]


def _named_kinds(also: tuple[str, ...]) -> str:
    """The endings of files that are read, without those of source code, which are many."""
    return ", ".join(dict.fromkeys(ending for ending in (*TEXT, *TABLES, *also) if ending not in CODE))


def _pass_over(folder: Path, dropped: list[Dropped], passed: list[Dropped] | None) -> None:
    """Say what is not read in a folder, or keep it for the caller."""
    if passed is None:
        report_passed(folder, dropped)
    else:
        passed += dropped


def _file(path: Path, also: tuple[str, ...]) -> Origin:
    suffix = path.suffix.lower()
    if suffix in TABLES or (suffix in also and suffix not in CODE):
        kind = suffix[1:]
    elif suffix in (*TEXT, *CODE) or not suffix:
        kind = "text"
    else:
        raise LangueError(
            f"{path} is of a kind that is not read; known are {_named_kinds(also)} and source code; rename it if it is "
            f"plain text"
        )
    return Origin(str(path), kind, path=path, size=path.stat().st_size)
