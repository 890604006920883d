"""The manifest of a folder: size and SHA-256 of each file, so that a damaged byte is named and never silently used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.files.digest import digest, read_digest
from langue.files.disk import make_folders, move_file, sync
from langue.files.staging import ADVICE, MARK, replacing, settle, write_text

MANIFEST = "manifest.json"
FORMAT = "langue-files"
VERSION = 1

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """Sizes and digests by relative path.

    Attributes:
        files: `{"bytes": …, "sha256": …}` of each.
        coming: the same of files that are being replaced just now, which may already be there or not yet.
    """

    files: Mapping[str, Entry]
    coming: Mapping[str, Entry] = field(default_factory=dict)

    def text(self) -> str:
        """The one way to write it: a change in white space is damage as well."""
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "files": dict(sorted(self.files.items()))}
        if self.coming:
            content["coming"] = dict(sorted(self.coming.items()))
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder, or None where there is none of ours.

        Raises:
            LangueError: it is damaged.
        """
        path = folder / MANIFEST
        try:
            text = path.read_bytes().decode("utf-8")
            content = json.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise LangueError(f"{path} is damaged or cannot be read: {error}") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return None
        if content.get("version") != VERSION:
            raise LangueError(f"{path} is damaged, or of a newer Langue: its version is {content.get('version')}")
        manifest = cls(_entries(content.get("files"), path), _entries(content.get("coming", {}), path))
        if manifest.text() != text:
            raise LangueError(f"{path} is damaged: it is not as Langue writes it")
        return manifest

    def check(self, folder: Path, name: str) -> None:
        """Compare one file with what is known of it.

        Raises:
            LangueError: it is missing, cannot be read or has other bytes.
        """
        path = folder / name
        known = [entries[name] for entries in (self.files, self.coming) if name in entries]
        if not known:
            return
        try:
            size = path.stat().st_size
            value = digest(path) if any(entry["bytes"] == size for entry in known) else ""
        except FileNotFoundError:
            raise LangueError(f"{folder} is damaged: {name}, which {MANIFEST} lists, is missing") from None
        except OSError as error:
            raise LangueError(f"{path} cannot be read: {error.strerror}") from None
        if not any(entry == {"bytes": size, "sha256": value} for entry in known):
            raise LangueError(
                f"{path} is damaged or was changed: it is not what {MANIFEST} says; bring it back from a copy, or make "
                f"the folder anew"
            )


def _entries(content: Any, path: Path) -> dict[str, Entry]:
    if not isinstance(content, dict) or not all(
        isinstance(entry, dict) and entry.keys() == {"bytes", "sha256"} for entry in content.values()
    ):
        raise LangueError(f"{path} is damaged: it does not list files")
    return content


def describe(path: Path) -> Entry:
    """Size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": read_digest(path)}


def seal(folder: Path, names: Iterable[str] | None = None) -> None:
    """Write the manifest of a folder's files: those named by relative path, or all of them.

    Files that are listed already and not named stay listed as they are.
    """
    before = Manifest.read(folder)
    files = {} if before is None or names is None else dict(before.files)
    if names is None:
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    files |= {name: describe(folder / name) for name in names if name != MANIFEST}
    write_text(folder / MANIFEST, Manifest(files).text())


def check_folder(folder: Path) -> None:
    """Compare every file that a folder's manifest lists, if there is one of ours.

    Raises:
        LangueError: names the file that is missing or damaged.
    """
    manifest = Manifest.read(folder)
    if manifest is not None:
        for name in sorted({*manifest.files, *manifest.coming}):
            manifest.check(folder, name)


def check_file(path: Path) -> Path:
    """The path itself, once the manifest beside it, if one of ours lists the file, says that its bytes are sound.

    Raises:
        LangueError: the file is damaged.
    """
    manifest = Manifest.read(path.parent)
    if manifest is not None:
        manifest.check(path.parent, path.name)
    return path


@contextmanager
def replacing_listed(folder: Path, *, advice: str = ADVICE) -> Iterator[Path]:
    """A folder to write files into, which take the place of those of `folder`, and stand in its manifest.

    Each file is replaced whole, and in between the manifest knows both the old and the new bytes, so that a kill at
    any moment leaves a folder that is sound. A folder that does not exist yet appears as a whole.

    Raises:
        LangueError: the disk is full, read-only, or the like.
    """
    if not folder.exists():
        with replacing(folder, advice=advice) as stage:
            stage.mkdir()
            yield stage
            (stage / MANIFEST).write_text(Manifest(_described(stage)).text(), encoding="utf-8")
        return
    with replacing(folder / MANIFEST, advice=advice) as place:
        stage = place.parent / "files"
        stage.mkdir()
        yield stage
        old, new = _settled(folder), _described(stage)
        write_text(folder / MANIFEST, Manifest({**new, **old}, {k: v for k, v in new.items() if k in old}).text())
        settle(stage, place.parent / MARK)
        for name in new:
            make_folders((folder / name).parent)
            move_file(stage / name, folder / name)
        sync(folder)
        place.write_text(Manifest({**old, **new}).text(), encoding="utf-8")


def _settled(folder: Path) -> dict[str, Entry]:
    """Entries of the files as they are, where a kill left it open whether they had been replaced."""
    manifest = Manifest.read(folder)
    if manifest is None:
        return {}
    arrived = {name: entry for name, entry in manifest.coming.items() if _is(folder / name, entry)}
    return {**manifest.files, **arrived}


def _is(path: Path, entry: Entry) -> bool:
    return path.is_file() and path.stat().st_size == entry["bytes"] and describe(path) == entry


def _described(folder: Path) -> dict[str, Entry]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): describe(path) for path in paths}
