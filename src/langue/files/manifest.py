"""The manifest of a folder: size and SHA-256 of each file, so that a damaged byte is named and never silently used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langue.errors import LangueError, unreadable
from langue.files.disk import make_folders, move_file, sync
from langue.files.hashing import digest, read_digest
from langue.files.protection import MANIFEST, refuse_protected
from langue.files.staging import ADVICE, MARK, replacing, settle, write_text

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
        except OSError as error:
            raise unreadable(path, error) from None
        except (ValueError, RecursionError) as error:
            raise LangueError(f"{folder} is damaged: {MANIFEST} cannot be read: {error}") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return None
        if content.get("version") != VERSION:
            raise LangueError(f"{folder} is damaged, or of a newer Langue: {MANIFEST} is not of version {VERSION}")
        manifest = cls(_entries(content.get("files"), folder), _entries(content.get("coming", {}), folder))
        if manifest.text() != text:
            raise LangueError(f"{folder} is damaged: {MANIFEST} is not as Langue writes it")
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
            value = digest(path)
        except FileNotFoundError:
            if name not in self.files:
                return  # a kill came before it was there
            raise LangueError(f"{folder} is damaged: {name}, which {MANIFEST} lists, is missing") from None
        except OSError as error:
            raise unreadable(path, error) from None
        if not any(entry == {"bytes": size, "sha256": value} for entry in known):
            raise LangueError(
                f"{folder} is damaged: {name} is not what {MANIFEST} says it was when it was written; bring it back "
                f"from a copy, or make the folder anew"
            )


def _entries(content: Any, folder: Path) -> dict[str, Entry]:
    if not isinstance(content, dict) or not all(
        isinstance(entry, dict) and entry.keys() == {"bytes", "sha256"} for entry in content.values()
    ):
        raise LangueError(f"{folder} is damaged: {MANIFEST} does not list files")
    return content


def describe(path: Path) -> Entry:
    """Size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": read_digest(path)}


def seal(folder: Path) -> None:
    """Write the manifest of all files of a folder that is being written; folders within that have their own know
    their files themselves."""
    (folder / MANIFEST).write_bytes(Manifest(_described(folder)).text().encode())


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
    any moment leaves a folder that is sound. A folder that does not exist yet appears as a whole. Where the name of the
    manifest is taken by somebody else's file, the files are not listed.

    Raises:
        LangueError: the disk is full, read-only, or the like, or a file that is there is protected against writing.
    """
    if not folder.exists():
        with replacing(folder, advice=advice) as stage:
            stage.mkdir()
            yield stage
            seal(stage)
        return
    with replacing(folder / MANIFEST, advice=advice) as place:
        stage = place.parent / "files"
        stage.mkdir()
        yield stage
        old, new = _settled(folder), _described(stage)
        for name in new:
            refuse_protected(folder / name)
        ours = Manifest.read(folder) is not None or not (folder / MANIFEST).exists()
        if ours:
            write_text(folder / MANIFEST, Manifest(old, new).text())
        settle(stage, place.parent / MARK)
        for name in new:
            make_folders((folder / name).parent)
            move_file(stage / name, folder / name)
        sync(folder)
        place.write_bytes(Manifest({**old, **new}).text().encode() if ours else (folder / MANIFEST).read_bytes())


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
    sealed = {path.parent for path in paths if path.name == MANIFEST}
    mine = [path for path in paths if not sealed & {path.parent, *path.parents} - {folder, *folder.parents}]
    return {path.relative_to(folder).as_posix(): describe(path) for path in mine if path != folder / MANIFEST}
