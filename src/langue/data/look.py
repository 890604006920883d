"""A look at data before anything is learnt from them: rows, columns, lengths, labels, languages, duplicates, odd
characters, and what a training would leave out. `langue data look` shows it, and `langue train DATA` decides by it.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from langue.data.columns import Column
from langue.data.languages import languages_of
from langue.data.layouts import TableLayout, layout_of, looks_headless
from langue.data.records import Dropped, excerpt
from langue.data.row_faults import faults_of
from langue.data.seen_rows import SeenRow, SeenSources, read_seen_rows
from langue.errors import LangueError
from langue.settings import override

HEAD = 2_000
"""Rows by which a layout is guessed, before all the others are counted by it."""

KEPT = 400
"""Rows that are kept to show examples of and to tell languages by."""

LINE = 20
"""Characters of the shortest line of a text that counts where it comes again."""

ODD: Mapping[str, str] = {
    "control characters": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "replacement characters (�), which stand for what could not be read": "\ufffd",
    "text that was read in the wrong encoding, such as Ã©": "[ÃÂ][\u0080-\u00bf]|â€|ï¿½",
    "invisible characters": "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]",
    "characters of private use": "[\ue000-\uf8ff]",
    "HTML": r"&(?:amp|lt|gt|quot|nbsp|#\d+);|</?(?:br|p|div|span|a|b|i)\b[^>]{0,200}>",
}
"""Patterns of what stands in texts by mistake, by what it is called."""

_ODD = {name: re.compile(pattern) for name, pattern in ODD.items()}
_ANY_ODD = re.compile("|".join(f"(?:{pattern})" for pattern in ODD.values()))

STRICT = ("classify", "answer", "tag", "embed", "chat", "prefer")
"""Tasks whose trainings refuse a table with a row that cannot be used, where others leave it out."""


@dataclass
class Look(SeenSources):
    """All that was seen.

    Attributes:
        rows: that could be read; of texts, lines that are not empty.
        whole: false where only the first rows were looked at.
        columns: with what stands in them.
        layout: the task and its columns; None where nobody can tell, for the reason `problem`.
        repeated: rows whose texts were there before.
        contradicted: of those, rows with another label than before.
        odd: rows with characters that are odd, and the first place, by what is odd.
        characters: of all texts.
        letters: different characters.
        kept: some rows from all over.
    """

    rows: int = 0
    whole: bool = True
    columns: list[Column] = field(default_factory=list)
    layout: TableLayout | None = None
    problem: str = ""
    repeated: int = 0
    contradicted: int = 0
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    characters: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    kept: list[SeenRow] = field(default_factory=list)

    def column(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def task(self) -> str | None:
        """The task that learns from such data."""
        return None if self.layout is None else self.layout.task

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the columns that hold texts."""
        if self.layout is not None:
            return self.layout.texts
        return tuple(column.name for column in self.columns if column.kind == "text")

    def has(self, name: str) -> bool:
        """True for a column that is there."""
        return any(column.name == name for column in self.columns)

    def languages(self) -> dict[str, dict[str, float]] | None:
        """By column of texts, the share of each language; None where nothing that tells them is installed."""
        by_column = {}
        for name in self.texts:
            shares = languages_of(text for record in self.kept for text in _strings(record.values.get(name)))
            if shares is None:
                return None
            if shares:
                by_column[name] = shares
        return by_column

    def summary(self) -> dict[str, Any]:
        """The same for a script to read."""
        layout = self.layout
        return {
            "sources": list(self.names),
            "kind": self.kind,
            "files": self.files,
            "bytes": self.size,
            "rows": self.rows,
            "whole": self.whole,
            "task": self.task,
            "read_as": {} if layout is None else dict(layout.columns),
            "may_be_meant": {} if layout is None else {ours: list(theirs) for ours, theirs in layout.others.items()},
            "problem": self.problem or None,
            "columns": [column.summary() for column in self.columns],
            "characters": self.characters,
            "letters": len(self.letters),
            "seconds": round(self.seconds, 2),
            "languages": self.languages(),
            "duplicates": self.repeated,
            "contradicted": self.contradicted,
            "odd": {name: {"rows": count, "first": first} for name, (count, first) in self.odd.items()},
            "dropped": self.left_out.dropped(),
            "examples": [dict(row) for row in self.examples()],
        }

    def examples(self, count: int = 3) -> list[Mapping[str, Any]]:
        """Rows from the beginning, the middle and the end of what was kept."""
        ordered = sorted(self.kept, key=lambda record: (record.place.partition(",")[0], record.number))
        long = [record for record in ordered if self.kind != "text" or len(record.values["text"]) >= LINE] or ordered
        places = [round(place * (len(long) - 1) / max(1, count - 1)) for place in range(count)]
        return [long[place].values for place in dict.fromkeys(places) if long]


def chosen_columns(changes: Mapping[str, str]) -> dict[str, str]:
    """The columns that fields of a recipe name, such as those of the command line.

    Raises:
        LangueError: they are no table of names.
    """
    content: dict[str, Any] = override({}, {name: value for name, value in changes.items() if name.startswith("data.")})
    columns = content.get("data", {}).get("columns", {})
    if not isinstance(columns, dict):
        raise LangueError(
            f"--data.columns: {columns!r:.60} is no table of names, such as '{{text: review, label: stars}}'"
        )
    text = content.get("data", {}).get("text")
    return {**({"text": text} if text else {}), **columns}


def look_at(
    sources: Sequence[str],
    columns: Mapping[str, str] | None = None,
    task: str | None = None,
    most: int | None = None,
) -> Look:
    """Read data and count what is in them.

    Args:
        sources: files, globs, folders or names, as `find_sources` knows them, or folders of recordings.
        columns: by Langue's name, the columns that somebody has named.
        task: the task, where somebody has named it.
        most: rows to look at; None looks at all.

    Raises:
        LangueError: something cannot be read, or there is nothing in it.
    """
    seen = Look(tuple(sources))
    records = islice(read_seen_rows(sources, seen), most and most + 1)
    head = list(islice(records, HEAD))
    if not head:
        raise LangueError(f"there is nothing to learn from in {', '.join(sources)}{_why_nothing(seen)}")
    by_name = {}
    for record in head:
        _count_columns(record, by_name)
    seen.layout = _layout(seen, list(by_name.values()), columns, task)
    counted = _Counted(seen)
    for number, record in enumerate(chain(head, records)):
        if number == most:
            seen.whole = False
            break
        counted.add(record, in_head=number < len(head), by_name=by_name)
    seen.columns = list(by_name.values())
    seen.layout = _layout(seen, seen.columns, columns, task)
    return seen


def _why_nothing(seen: Look) -> str:
    return f": {seen.left_out.words()}" if seen.left_out.records else ""


def _count_columns(record: SeenRow, by_name: dict[str, Column]) -> None:
    for name, value in record.values.items():
        if name not in by_name:
            by_name[name] = Column(str(name))
        by_name[name].add(value)


def _layout(seen: Look, table: list[Column], columns: Mapping[str, str] | None, task: str | None) -> TableLayout | None:
    """The layout of what was seen so far; where there is none, the look knows why."""
    seen.problem = ""
    if seen.kind == "text":
        return TableLayout(task or "generate", {"text": "text"})
    where = seen.names[0]
    if text := looks_headless(table):
        seen.problem = (
            f"{where} has no line with the names of its columns: its first is {text[:40]!r}; put one before it, as "
            f"{_header(where, len(table))}"
        )
        return None
    try:
        return layout_of(table, where, columns, task)
    except LangueError as error:
        seen.problem = str(error)
        return None


def _header(where: str, columns: int) -> str:
    """A header that would do."""
    names = ("source", "target") if columns == 2 else ("text", "label", "more")
    return repr(("\t" if where.endswith(".tsv") else ",").join(names))


class _Counted:
    """Counts of a look, told about one row after the other."""

    def __init__(self, seen: Look):
        self.seen = seen
        self.before: dict[int, str] = {}
        self.draws = random.Random(0)

    def add(self, record: SeenRow, *, in_head: bool, by_name: dict[str, Column]) -> None:
        seen = self.seen
        seen.rows += 1
        if not in_head:
            _count_columns(record, by_name)
        if len(seen.kept) < KEPT:
            seen.kept.append(record)
        elif 0 < (place := self.draws.randrange(seen.rows)) < KEPT:  # the first stays
            seen.kept[place] = record
        for fault in faults_of(record, seen.layout, seen) if seen.layout and seen.kind != "text" else ():
            size = record.size or len(str(record.values))
            begins = excerpt(str(dict(record.values)).encode("utf-8", "surrogatepass"))
            seen.left_out.drop(Dropped(fault, record.place, 0, size, begins))
        self._look_at_texts(record)

    def _look_at_texts(self, record: SeenRow) -> None:
        """Count what is odd, and what came before."""
        texts = [text for name in self.seen.texts for text in _strings(record.values.get(name))]
        for text in texts:
            self.seen.characters += len(text)
            self.seen.letters.update(set(text))
        if odd := [text for text in texts if _ANY_ODD.search(text)]:
            self._note_odd(odd, record.place)
        if texts and (self.seen.kind != "text" or len(texts[0]) >= LINE):
            self._note_repeated(texts, record)

    def _note_odd(self, texts: list[str], place: str) -> None:
        for name, pattern in _ODD.items():
            if any(map(pattern.search, texts)):
                count, first = self.seen.odd.get(name, (0, place))
                self.seen.odd[name] = count + 1, first

    def _note_repeated(self, texts: list[str], record: SeenRow) -> None:
        """Count a row whose texts came before, of recordings those of the same one."""
        layout = self.seen.layout
        sound = str(record.values.get(layout.columns["audio"])) if layout and "audio" in layout.columns else ""
        key, label = hash((sound, *(" ".join(text.split()) for text in texts))), self._label(record)
        self.seen.repeated += key in self.before
        self.seen.contradicted += self.before.setdefault(key, label) != label

    def _label(self, record: SeenRow) -> str:
        layout = self.seen.layout
        return "" if layout is None or layout.label is None else str(record.values.get(layout.label))


def _strings(value: Any) -> Iterator[str]:
    """All texts of a cell, which may be a list of words or of messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for part in value.values() for text in _strings(part))
    elif isinstance(value, list | tuple):
        yield from (text for part in value for text in _strings(part))
