"""metrics.jsonl: one JSON object a line, whole or not there, each step once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langue.files import replacing, sync
from langue.files.disk import write_errors
from langue.files.metric_rows import read_lines, write_line

OnRow = Callable[[Mapping[str, Any]], None]

ADVICE = "make room and go on by --resume of langue train; what was saved before is whole"
"""The advice about a full disk, true of a training without a checkpoint as well."""


class Log:
    """Appends to metrics.jsonl.

    Args:
        path: the file, or None to write nothing.
        resumed: the step that training goes on from; lines of later steps are taken out, since they come again, and so
            are damaged ones, which a warning names. All others stay as they are, byte for byte.

        on_row: called with the values of each line that is written.

    Raises:
        LangueError: the disk is full or cannot be written.
    """

    def __init__(self, path: Path | None, resumed: int = 0, on_row: OnRow | None = None):
        self.path, self.on_row = path, on_row
        if path is not None and path.exists():
            kept = [line.raw for line in read_lines(path) if line.values["step"] <= resumed] if resumed else []
            with replacing(path, advice=ADVICE) as place:
                place.write_bytes(b"".join(kept))

    def write(self, **values: Any) -> None:
        """Append one line; what is not finite becomes null, which JSON knows."""
        if self.path is None:
            return
        with write_errors(self.path, ADVICE), self.path.open("ab") as file:
            file.write(write_line(values))
        if self.on_row is not None:
            self.on_row(values)

    def sync(self) -> None:
        """Wait until all lines are on the disk, so that a checkpoint never knows of a step that the lines lack."""
        if self.path is not None and self.path.exists():
            with write_errors(self.path, ADVICE):
                sync(self.path)
