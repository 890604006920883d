"""Results as they come, in a text file or on the terminal."""

from __future__ import annotations

import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO


class Output:
    """A text file that is written in place, so that what is done is there whatever comes, or the terminal.

    What stood in the file goes, and its folder is made, when there is the first text to take its place.

    Args:
        path: the file; None is the terminal.
    """

    def __init__(self, path: Path | None):
        self.path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, all of which is on its way already."""
        if self._file is not None and self.path is not None:
            with suppress(OSError):  # of a write that has failed and was told of
                self._file.close()

    @property
    def begun(self) -> bool:
        """True once there is something in it."""
        return self._file is not None

    def write(self, text: str) -> None:
        """Add a text, and let it be on its way to the disk.

        Raises:
            LangueError: the disk is full, read-only, or the like.
        """
        from langue.files.disk import write_errors
        from langue.files.staging import ADVICE

        with nullcontext() if self.path is None else write_errors(self.path, ADVICE):
            self._file = self._file or self._open()
            self._file.write(text)
            self._file.flush()

    def _open(self) -> IO[str]:
        from langue.files import make_folders

        if self.path is None:
            return sys.stdout
        make_folders(self.path.parent)
        return self.path.open("w", encoding="utf-8")
