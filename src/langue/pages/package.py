"""Documents that are zip archives: looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from langue.pages.page import PageError

RATIO = 100
"""The most that a file may unpack to, times its size. Text packs to a tenth; deflate can do a thousandth."""
FREE = 16 << 20
"""Bytes that any file may unpack to: small tables of equal cells pack far better than text."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first bytes of a compound file, as Office wraps what it encrypts."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def open_package(path: Path, kind: str) -> zipfile.ZipFile:
    """A document's archive, if it may be unpacked.

    The sizes are those of its table of contents, beyond which `zipfile` unpacks nothing.

    Args:
        path: of the file.
        kind: its kind, as errors call it.

    Raises:
        PageError: it is encrypted, or a zip bomb.
        zipfile.BadZipFile: it is no archive.
    """
    if _is_encrypted(path):
        raise PageError(f"encrypted {kind}")
    package = zipfile.ZipFile(path)
    entries = package.infolist()
    if any(entry.flag_bits & 1 for entry in entries):
        raise PageError(f"encrypted {kind}")
    if sum(entry.file_size for entry in entries) > max(FREE, RATIO * path.stat().st_size):
        raise PageError(f"zip bomb (unpacks to more than {RATIO} times its size)")
    return package


def _is_encrypted(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_OLE)) == _OLE and _ENCRYPTED in file.read()
