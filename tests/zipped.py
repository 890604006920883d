"""Documents that are zip archives, damaged in the ways in which people's are."""

import zipfile
from pathlib import Path

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
"""The beginning of a compound file, as old programs and encryption write it."""


def write_zip(path: Path, files: dict[str, str | bytes]) -> Path:
    """An archive of some files by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_bomb(path: Path) -> Path:
    """An archive of 20 kB that unpacks to 17 MiB."""
    return write_zip(path, {"word/document.xml": bytes(17 << 20)})


def write_encrypted(path: Path) -> Path:
    """A file as Office encrypts it, as far as its table of contents."""
    path.write_bytes(OLE + "EncryptedPackage".encode("utf-16-le"))
    return path
