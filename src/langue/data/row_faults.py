"""Faults of a row, for which a training would leave it out, or stop at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langue.data.labelled import Labelled
from langue.data.layouts import TableLayout
from langue.data.recordings import recording_of
from langue.data.records import is_blank, lack_of_text
from langue.data.seen_rows import SeenRow, SeenSources
from langue.data.tally import EMPTY
from langue.data.values import is_missing
from langue.errors import LangueError
from langue.extra import MissingLibrary


def faults_of(record: SeenRow, layout: TableLayout, seen: SeenSources) -> Iterator[str]:
    """The faults of a row of a layout; how long its recording lasts is added to the others."""
    values = {ours: record.values.get(theirs) for ours, theirs in layout.columns.items()}
    if layout.task in ("translate", "summarize"):
        yield from _pair_faults(list(values.values()))
        return
    for ours, value in values.items():
        name = layout.columns[ours]
        if ours in ("label", "score"):
            if is_missing(value) or (isinstance(value, str) and is_blank(value)):
                yield f"{name} is empty"
        elif ours == "audio":
            yield from _recording_faults(record, seen, value)
        elif isinstance(value, str | None) and (lack := lack_of_text(value)):
            yield f"{name} is {lack}"


def _pair_faults(texts: list[Any]) -> Iterator[str]:
    if not all(isinstance(text, str) for text in texts):
        yield "no text"
    elif any(blank := [is_blank(text) for text in texts]):
        yield EMPTY if all(blank) else "one side empty"


def _recording_faults(record: SeenRow, seen: SeenSources, audio: Any) -> Iterator[str]:
    values = {"audio": audio, **{name: record.values[name] for name in ("start", "end") if name in record.values}}
    try:
        recording = recording_of(Labelled(record.place, values, record.folder))
        seconds = recording.seconds
        if seconds is None:  # its header does not say, or cannot be read
            next(recording.blocks(), None)
        seen.seconds += seconds or 0.0
    except MissingLibrary:
        raise
    except LangueError:
        yield "recording cannot be read"
