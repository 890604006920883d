"""The account of what was read: everything that comes in is either kept or dropped for a reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import IO


class Tally:
    """Counts records and bytes by what became of them, and quarantines what was dropped.

    Args:
        quarantine: a file that gets one JSON object for each dropped record, or None to count alone.
    """

    def __init__(self, quarantine: Path | None = None):
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._path = quarantine
        self._file: IO[str] | None = None

    def keep(self, records: int, size: int) -> None:
        """Records that are used, with their size in bytes as they were read."""
        self.records["kept"] += records
        self.bytes["kept"] += size

    def drop(self, reason: str, origin: str, number: int, size: int, excerpt: bytes) -> None:
        """One record that is not used: where it stood and how it begins."""
        self.records[reason] += 1
        self.bytes[reason] += size
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        shown = excerpt[:200].decode("utf-8", "backslashreplace")
        line = {"file": origin, "record": number, "reason": reason, "bytes": size, "begins": shown}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def account(self) -> dict[str, dict[str, object]]:
        """in = kept + Σ dropped, for records and for bytes."""
        return {
            name: {
                "in": sum(counts.values()),
                "kept": counts["kept"],
                "dropped": {reason: count for reason, count in sorted(counts.items()) if reason != "kept"},
            }
            for name, counts in (("records", self.records), ("bytes", self.bytes))
        }
