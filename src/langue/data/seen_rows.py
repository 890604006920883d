"""Rows of whatever people have: texts, tables, folders of recordings and retrieval sets, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from langue.data.benchmarks import is_beir
from langue.data.documents import PAGED, find_texts, read_events
from langue.data.labelled import BrokenRow, Labelled, read_rows
from langue.data.records import DocumentPiece, Dropped, Row
from langue.data.retrieval_pairs import read_retrieval_rows
from langue.data.settings import DataSettings, TableDataSettings
from langue.data.sources import EMBEDDED, Origin
from langue.data.spoken_folders import spoken_rows
from langue.data.tables import rows
from langue.data.tally import EMPTY, Tally


class SeenRow(NamedTuple):
    """One row of whatever is looked at."""

    place: str
    number: int
    values: Mapping[str, Any]
    size: int
    folder: Path | None = None


@dataclass
class SeenSources:
    """Sources, and the counts of what was read of them.

    Attributes:
        names: theirs.
        kind: text, table or recordings.
        files: places that were read.
        size: bytes of the files; 0 where nobody knows.
        left_out: counts what could not be read, and what a training would leave out, or stop at.
        seconds: of all recordings.
    """

    names: tuple[str, ...]
    kind: str = "table"
    files: int = 0
    size: int = 0
    left_out: Tally = field(default_factory=Tally)
    seconds: float = 0.0


def read_seen_rows(sources: Sequence[str], seen: SeenSources) -> Iterator[SeenRow]:
    """The rows of all sources; what cannot be read is counted."""
    for name in sources:
        path = Path(name).expanduser()
        if spoken := spoken_rows(path):
            sounds = {Path(row.values["audio"]) for row in spoken}
            seen.kind, seen.files = "recordings", seen.files + len(sounds)
            seen.size += sum(sound.stat().st_size for sound in sounds if sound.is_file())
            yield from (SeenRow(row.place, number, row.values, 0) for number, row in enumerate(spoken, 1))
        elif path.is_file() and path.suffix in (".json", ".conll", ".bio", ".iob", ".iob2"):
            seen.files, seen.size = seen.files + 1, seen.size + path.stat().st_size
            yield from _labelled(read_rows(name, DataSettings(train=name)), seen)
        elif is_beir(name):
            seen.files += 1
            yield from _labelled(read_retrieval_rows(TableDataSettings(train=name), "train"), seen)
        else:
            yield from _of_origins(find_texts(name), seen)


def _labelled(labelled: Iterable[Labelled | BrokenRow], seen: SeenSources) -> Iterator[SeenRow]:
    for number, row in enumerate(labelled, 1):
        if isinstance(row, BrokenRow):
            seen.left_out.drop(Dropped(row.reason, row.place, 0, 0, ""))
        else:
            yield SeenRow(row.place, number, row.values, 0, row.folder)


def _of_origins(origins: list[Origin], seen: SeenSources) -> Iterator[SeenRow]:
    if all(_is_text(origin) for origin in origins):
        seen.kind = "text"
    for origin in origins:
        seen.files, seen.size = seen.files + 1, seen.size + origin.size
        for event in _events(origin):
            if not isinstance(event, Dropped):
                yield event
            elif event.reason != EMPTY:
                seen.left_out.drop(event)


def _events(origin: Origin) -> Iterator[SeenRow | Dropped]:
    settings = DataSettings(train=origin.name, documents="line")
    if _is_text(origin):
        for number, piece in enumerate(read_events([origin], settings), 1):
            yield piece if isinstance(piece, Dropped) else _line(origin, number, piece)
        return
    unit = "line" if origin.kind in ("jsonl", "csv", "tsv") else "row"
    folder = None if origin.path is None else origin.path.parent
    for row in rows(origin, settings.max_line_bytes, with_names=True):
        if isinstance(row, Row):
            yield SeenRow(f"{origin.name}, {unit} {row.number}", row.number, row.values, row.size or 0, folder)
        else:
            yield row


def _is_text(origin: Origin) -> bool:
    return origin.kind in ("text", EMBEDDED) or f".{origin.kind}" in PAGED


def _line(origin: Origin, number: int, piece: DocumentPiece) -> SeenRow:
    return SeenRow(f"{origin.name}, line {number}", number, {"text": piece.text}, piece.size)
