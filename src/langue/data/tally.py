"""The account of what was read: everything that comes in is either kept or dropped for a reason."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from langue.data.records import Dropped, Piece
from langue.files import note


class Tally:
    """Counts records and bytes by what became of them, and quarantines what was dropped.

    Args:
        quarantine: a file that gets one JSON object for each dropped record, or None to count alone.

    Attributes:
        first: the first record that was dropped, by reason.
    """

    def __init__(self, quarantine: Path | None = None):
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.first: dict[str, Dropped] = {}
        self._path = quarantine
        self._file: IO[str] | None = None

    def count(self, events: Iterable[Piece | Dropped]) -> Iterator[Piece]:
        """Hand on the pieces, and count them and what stands between them as they pass."""
        for event in events:
            if isinstance(event, Dropped):
                self.drop(event)
            else:
                self.kept["records"] += event.records
                self.kept["bytes"] += event.size
                yield event

    def drop(self, dropped: Dropped) -> None:
        """Count a record that is left out, and quarantine it."""
        self.records[dropped.reason] += dropped.records
        self.bytes[dropped.reason] += dropped.size
        self.first.setdefault(dropped.reason, dropped)
        if self._path is None:
            return
        if self._file is None:
            note(self._path)
            self._file = self._path.open("w", encoding="utf-8")
        line = {
            "file": dropped.origin,
            "record": dropped.number,
            "reason": dropped.reason,
            "bytes": dropped.size,
            "begins": dropped.begins,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def keep(self, size: int) -> None:
        """Count a record that is taken in."""
        self.kept["records"] += 1
        self.kept["bytes"] += size

    def close(self) -> None:
        """Write out the quarantine."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def account(self) -> dict[str, dict[str, Any]]:
        """in = kept + Σ dropped, for records and for bytes."""
        return {
            name: {
                "in": self.kept[name] + sum(dropped.values()),
                "kept": self.kept[name],
                "dropped": dict(sorted(dropped.items())),
            }
            for name, dropped in (("records", self.records), ("bytes", self.bytes))
        }
