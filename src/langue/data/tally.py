"""The account of what was read: everything that comes in is either kept or dropped for a reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from langue.data.records import DocumentPiece, Dropped
from langue.errors import LangueError, reading
from langue.files import note, sync

QUARANTINE = "quarantine.jsonl"
"""The name of a file of records that were left out."""

EMPTY = "empty"
"""The reason of what is left out without a loss."""

Option = Callable[[str], str]
"""The way in which a setting is given where the data are read, such as --data.max_dropped."""

Kept = TypeVar("Kept")


_MEASURES: dict[str, Callable[[int, Option], str]] = {
    "line too long": lambda size, option: f"read longer lines by {option('max_line_bytes')} {size}",
    "field too long": lambda size, option: f"read longer lines by {option('max_line_bytes')} {2 * size}",
    "invalid UTF-8": lambda _, __: "convert the file to UTF-8",
    "missing": lambda _, option: f"name the column of the text by {option('text')}",
    "not text": lambda _, option: f"name the column of the text by {option('text')}",
}
"""By reason, what takes the records in that were left out for it, by the size of the largest of them."""


class Tally:
    """Counts records and bytes by what became of them, and quarantines what was dropped.

    Args:
        quarantine: a file that gets one JSON object for each dropped record, or None to count alone.

    Attributes:
        first: the first record that was dropped, by reason.
        largest: the one of most bytes.
    """

    def __init__(self, quarantine: Path | None = None):
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.first: dict[str, Dropped] = {}
        self.largest: dict[str, Dropped] = {}
        self._path = quarantine
        self._file: IO[str] | None = None

    def count(self, events: Iterable[DocumentPiece | Dropped]) -> Iterator[DocumentPiece]:
        """Hand on the pieces, and count them and what stands between them as they pass."""
        for piece in self.sift(events):
            self.keep(piece.size, piece.records)
            yield piece

    def sift(self, events: Iterable[Kept | Dropped]) -> Iterator[Kept]:
        """Hand on all but what is dropped, which is counted as it passes."""
        for event in events:
            if isinstance(event, Dropped):
                self.drop(event)
            else:
                yield event

    def drop(self, dropped: Dropped) -> None:
        """Count a record that is left out, and quarantine it."""
        self.records[dropped.reason] += dropped.records
        self.bytes[dropped.reason] += dropped.size
        self.first.setdefault(dropped.reason, dropped)
        if dropped.size >= self.largest.setdefault(dropped.reason, dropped).size:
            self.largest[dropped.reason] = dropped
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

    def keep(self, size: int, records: int = 1) -> None:
        """Count what is taken in: one record, unless said otherwise."""
        self.kept["records"] += records
        self.kept["bytes"] += size

    def close(self) -> None:
        """Write out the quarantine."""
        if self._file is not None:
            self._file.close()
            sync(Path(self._file.name))
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

    def dropped(self) -> dict[str, int]:
        """Records that were left out, by reason, as answers in JSON have it."""
        return dict(sorted(self.records.items()))

    def words(self) -> str:
        """The account of what was dropped, such as "3 empty, 1 line too long"; nothing where all was kept."""
        return ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.records.items()))

    def check(self, names: Iterable[str], bound: float, option: Option, harmless: Collection[str] = (EMPTY,)) -> None:
        """Refuse data of which more was lost than is allowed, by records or by bytes, whichever is the greater share.

        Args:
            names: of the sources.
            bound: the greatest share that may be lost.
            option: names the settings by which more can be read or allowed.
            harmless: reasons for which nothing is lost, or for which the user wanted records to be left out.

        Raises:
            LangueError: tells how much would be lost, why, the largest of each reason, and what to do.
        """
        lost = [reason for reason in self.records if reason not in harmless]
        share = max(_share(lost, self.records, self.kept["records"]), _share(lost, self.bytes, self.kept["bytes"]))
        if share <= bound:
            return
        lost.sort(key=lambda reason: -self.bytes[reason])
        causes = "; ".join(self._cause(reason) for reason in lost)
        measures = [_MEASURES[reason](self.largest[reason].size, option) for reason in lost if reason in _MEASURES]
        allowed = f"allow it by {option('max_dropped')} {math.ceil(100 * share) / 100:g}"
        what = ", ".join(dict.fromkeys(names))
        much = f"{share:.1%} of {what} would be lost, and {bound:.1%} may be"
        raise LangueError(
            f"{much if self.kept['records'] else f'there is no text in {what}'}: {causes}; "
            f"mend the data, {''.join(f'{measure}, ' for measure in dict.fromkeys(measures))}or {allowed}"
        )

    def _cause(self, reason: str) -> str:
        largest, count = self.largest[reason], self.records[reason]
        place = f"{largest.origin}, record {largest.number}"
        return f"{count:,} {reason}, {self.bytes[reason]:,} bytes (the largest: {place}, {largest.size:,} bytes)"


def left_out(folder: Path) -> dict[str, int]:
    """Records in the quarantines of a folder and of those in it, counted by reason.

    Raises:
        LangueError: one of them is damaged.
    """
    counts: Counter[str] = Counter()
    for path in folder.rglob(QUARANTINE):
        with reading(path), path.open(encoding="utf-8") as lines:
            counts.update(json.loads(line)["reason"] for line in lines)
    return dict(sorted(counts.items()))


def _share(lost: Iterable[str], dropped: Counter[str], kept: int) -> float:
    """The share that was lost of all that was worth something."""
    gone = sum(dropped[reason] for reason in lost)
    return gone / (kept + gone) if gone else 0.0
