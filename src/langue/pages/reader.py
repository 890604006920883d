"""Pages of files that may be broken or hostile, read at the safe end of a pipe."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from langue.errors import LangueError
from langue.extra import need
from langue.machine import start_python
from langue.pages.kinds import KINDS, PageKind
from langue.pages.page import MissingReader, Page, PageError

PAGE_SECONDS = 60.0
"""Seconds that a page may take. A page of a book takes some hundredths of one."""
FILE_SECONDS = 1800.0
"""Seconds that all pages of a file may take."""
MEMORY = 4 << 30
"""Bytes of address space that reading may take."""

TIMED_OUT = 1
"""The exit status of a process that a watchdog of `faulthandler` ended."""


class PageReader:
    """Reads files in one process of its own, which is started when it is first needed and whenever one took it down.

    Args:
        patience: times the usual bounds of time and memory that a file may take.
    """

    def __init__(self, patience: int = 1) -> None:
        self.patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PageReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, path: Path, kind: PageKind | None = None) -> Iterator[Page]:
        """The pages of a file.

        Args:
            path: of the file.
            kind: the way to read it; None for the one that its ending tells.

        Raises:
            PageError: the file is damaged, is not what its name says, wants a password, or takes too much time or
                memory; what was read before is sound.
            MissingReader: a library that reads such files is not installed.
        """
        kind = kind or KINDS[path.suffix.lower().removeprefix(".")]
        _require(kind, path)
        if self._process is None:
            bounds = (str(self.patience * bound) for bound in (PAGE_SECONDS, FILE_SECONDS, MEMORY))
            self._process = start_python("langue.pages.worker", *bounds, stderr=subprocess.DEVNULL)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"path": os.fspath(path), "kind": kind.name, "target": kind.target}
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            while "fault" not in (values := json.loads(process.stdout.readline())):
                yield Page(clean(values["text"]), values["place"], values["known"])
        except (OSError, ValueError):  # the pipe's other end is gone, maybe in the middle of a line
            status = process.wait()
            self.close()
            raise PageError("takes too long" if status == TIMED_OUT else f"unreadable {kind.name}") from None
        except GeneratorExit:
            self.close()  # what is left of this file must not be taken for the next one's
            raise
        if values["fault"]:
            raise PageError(values["fault"])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _require(kind: PageKind, path: Path) -> None:
    try:
        for library in kind.libraries:
            need(library, kind.extra, f"reading {path}")
    except LangueError as error:
        raise MissingReader(str(error), f"needs pip install 'langue[{kind.extra}]'") from None


def clean(text: str) -> str:
    """Without NUL and halves of surrogate pairs, which a broken font's table leaves and nobody can store."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
