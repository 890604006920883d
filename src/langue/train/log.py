"""metrics.jsonl: one JSON object a line, whole or not there, each step once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.train.disk import sync


class Log:
    """Appends to metrics.jsonl.

    Args:
        path: the file, or None to write nothing.
        resumed: the step that training goes on from; lines of later steps are taken out, since they come again.

    Raises:
        LangueError: the disk is full or cannot be written.
    """

    def __init__(self, path: Path | None, resumed: int = 0):
        self.path = path
        if path is not None and path.exists():
            kept = [line for line in _lines(path) if line["step"] <= resumed] if resumed else []
            beside = path.with_name(f".{path.name}.writing")
            with _told(path):
                beside.write_text("".join(_text(line) for line in kept), encoding="utf-8")
                sync(beside)
                os.replace(beside, path)

    def write(self, **values: Any) -> None:
        """Append one line; what is not finite becomes null, which JSON knows."""
        if self.path is None:
            return
        with _told(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(_text(values))

    def sync(self) -> None:
        """Wait until all lines are on the disk, so that a checkpoint never knows of a step that the lines lack."""
        if self.path is not None and self.path.exists():
            with _told(self.path):
                sync(self.path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        raise LangueError(
            f"{path} could not be written: {error.strerror}; checkpoints are whole, "
            f"so make room and continue with --resume"
        ) from None


def _text(values: dict[str, Any]) -> str:
    clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    return json.dumps(clean, ensure_ascii=False) + "\n"


def _lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a last one that a crash cut short is none."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict) and "step" in line]
