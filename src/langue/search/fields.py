"""The fields by which documents can be filtered: what kind of value each holds, the same in all documents.

Kinds are found out by column. A table of text (csv, tsv) tells none, so all of it is looked through first: a column
holds numbers if each of its fields is one. Other sources have values with types, and a field that is a number in one
document and a text in the next is refused, because no condition could mean both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from langue.data.lines import UnreadableFile
from langue.data.records import Dropped
from langue.data.sources import Origin
from langue.data.tables import rows
from langue.errors import LangueError
from langue.pages.reader import clean
from langue.search.values import Date, Kind, Scalar, Unkept, Value, as_date, kind_of, plain, read_as
from langue.settings import Settings

MOST_FIELDS = 200

METADATA_CHARACTERS = 400
"""Characters of a text that is taken for metadata, unless its column is asked for."""

WITHOUT_TYPES = ("csv", "tsv")


class FieldRecord(Settings):
    """A field of an index."""

    kind: Kind
    """Kind of its values."""
    several: bool = False
    """True where a document may have more than one value of it."""


class Fields:
    """The fields of all documents so far.

    Args:
        known: those of an index that is there.
    """

    def __init__(self, known: Mapping[str, FieldRecord]):
        self.known = dict(known)

    def take(self, name: str, metadata: Mapping[str, Value]) -> dict[str, Value]:
        """Take in what is known about a document, called `name`; dates among texts become dates.

        Raises:
            LangueError: a value is of another kind than the field's others, or there are too many fields.
        """
        return {field: self._take(name, field, value) for field, value in metadata.items()}

    def _take(self, name: str, field: str, value: Value) -> Value:
        values = value if isinstance(value, list) else [value]
        known = self.known.get(field)
        kind = known.kind if known else kind_of(values[0])
        values = [_dated(single) if kind == "date" else single for single in values]
        for single in values:
            if kind_of(single) != kind:
                raise LangueError(
                    f"the field {field!r} is a {kind} in other documents and a {kind_of(single)} in {name}: "
                    f"{_short(single)}; make it one kind in all of them, or name the fields to filter by, with "
                    f"--metadata of langue index build"
                )
        several = len(values) > 1 or bool(known and known.several)
        if known is None or known.several != several:
            self.known[field] = FieldRecord(kind=kind, several=several)
        if len(self.known) > MOST_FIELDS:
            raise LangueError(
                f"documents have more than {MOST_FIELDS} different fields; name those to filter by, with --metadata of "
                f"langue index build"
            )
        return values if isinstance(value, list) else values[0]


def _dated(value: Scalar) -> Scalar:
    """A text of JSON's, which knows no dates, as the date that it spells."""
    return as_date(value) or value if isinstance(value, str) and not isinstance(value, Date) else value


def _short(value: Scalar) -> str:
    text = repr(str(value) if isinstance(value, Date) else value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def find_field(name: str, fields: Mapping[str, FieldRecord], place: str) -> FieldRecord:
    """A field by its name.

    Raises:
        LangueError: no document has it; names the nearest, or all that there are.
    """
    if name in fields:
        return fields[name]
    near = difflib.get_close_matches(name[:200], fields, n=1)
    lower = [known for known in fields if known.lower() == name.lower()]
    hint = f"did you mean {(lower or near)[0]!r}?" if lower or near else f"known are {', '.join(map(repr, fields))}"
    raise LangueError(f"no document of {place} has a field {name[:200]!r}; {hint if fields else 'they have none'}")


def kinds_of_columns(origins: Iterable[Origin], limit: int, known: Mapping[str, FieldRecord]) -> dict[str, Kind]:
    """The kind of each column of those tables among some sources that tell none, found out from all of their rows.

    Args:
        origins: sources.
        limit: see `rows`.
        known: the fields of an index that is there; what holds texts there goes on doing so.
    """
    left: dict[str, list[Kind]] = {}
    for origin in origins:
        if origin.kind in WITHOUT_TYPES:
            for values in _readable(origin, limit):
                for name, text in values.items():
                    kinds = left.setdefault(name, ["number", "boolean", "date"])
                    if kinds and text.strip():
                        kinds[:] = [kind for kind in kinds if _fits(kind, text)]
    texts = {name for name, field in known.items() if field.kind == "text"}
    return {name: kinds[0] for name, kinds in left.items() if kinds and name not in texts}


def _readable(origin: Origin, limit: int) -> Iterable[Mapping[str, str]]:
    try:
        yield from (row.values for row in rows(origin, limit) if not isinstance(row, Dropped))
    except UnreadableFile:
        return  # which is told when its documents are read


def _fits(kind: Kind, text: str) -> bool:
    try:
        read_as(kind, text)
    except Unkept:
        return False
    return True


def known_about(
    values: Mapping[str, Any], columns: Iterable[str], kinds: Mapping[str, Kind] | None, *, longest: int | None
) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Metadata of a row that conditions can be about.

    Args:
        values: of the row, by column.
        columns: those that count.
        kinds: of columns that hold text and mean something else; None where values have types.
        longest: characters of a text, at most; None for any number.

    Returns:
        The values by field, and the columns that cannot be kept, each with what its value is.
    """
    kept: dict[str, Value] = {}
    unkept = []
    for column in columns:
        name, value = clean(str(column)), values.get(column)
        try:
            value = plain(value) if kinds is None else read_as(kinds.get(column, "text"), value or "")
            if longest is not None and isinstance(value, str) and len(value) > longest:
                raise Unkept(f"a text of more than {longest} characters")
        except Unkept as error:
            unkept.append((name, str(error)))
            continue
        if value is not None:
            kept[name] = value
    return kept, unkept
