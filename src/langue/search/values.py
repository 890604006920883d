"""Metadata of documents, as values of four kinds: numbers, truth values, dates and texts.

A date or a time is kept as the text of ISO 8601, in UTC where it has a zone, so that its order is that of its letters,
and a day, a month or a year is the beginning of each time in it.
"""

from __future__ import annotations

import datetime
import enum
import math
import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Literal

from langue.pages.reader import clean

Kind = Literal["number", "boolean", "date", "text"]
Scalar = bool | int | float | str
Value = Scalar | list[Scalar]

EXACT = 1 << 53
"""Up to here all databases compare whole numbers exactly."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?P<part>[.,][0-9]{1,9})? ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


class Date(str):
    """A day or a time in the form that is kept."""


class Unkept(Exception):
    """A value that no condition could be about; the message says what it is."""


def kind_of(value: Scalar) -> Kind:
    """The kind of a value that is kept."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "date" if isinstance(value, Date) else "text"


def plain(value: Any) -> Value | None:
    """A value of Python's, NumPy's, Arrow's or JSON's as it is kept; None where nothing is known.

    Raises:
        Unkept: it is of another kind.
    """
    if hasattr(value, "dtype"):  # NumPy's and torch's own
        return _of_array(value)
    if isinstance(value, list | tuple | set | frozenset):
        return _several(sorted(value, key=repr) if isinstance(value, set | frozenset) else value)
    return _single(value)


def _of_array(value: Any) -> Value | None:
    kind = getattr(value.dtype, "kind", "")
    if kind == "M":
        texts = value.astype("datetime64[us]").astype(str).tolist()
        return plain([as_date(text) for text in texts] if isinstance(texts, list) else as_date(texts))
    if kind == "m":
        return plain(value.astype("timedelta64[us]").astype("float64") / 1e6)
    return plain(value.tolist())


def _several(values: Iterable[Any]) -> list[Scalar] | None:
    kept = []
    for single in values:
        inner = plain(single)
        if isinstance(inner, list):
            raise Unkept("a list of lists")
        if inner is not None:
            kept.append(inner)
    return kept or None


def _single(value: Any) -> Scalar | None:
    if value is None or (isinstance(value, float | Decimal | datetime.date) and value != value):
        return None  # not a number, or not a time
    if isinstance(value, enum.Enum):
        return _single(value.value)
    if isinstance(value, bool | Date):
        return value
    if isinstance(value, int | float | Decimal | Fraction):
        return _number(value)
    if isinstance(value, str | uuid.UUID | PurePath | datetime.time):
        return clean(str(value))
    if isinstance(value, datetime.date):
        return _date(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    raise Unkept(f"a value of the type {type(value).__name__}")


def _number(value: float | Decimal | Fraction) -> int | float:
    try:
        near = float(value)
    except (OverflowError, ValueError):  # too large, or a signalling NaN
        near = math.inf
    if not math.isfinite(near):
        raise Unkept("a number beyond those that are compared exactly")
    if isinstance(value, float) or value != int(value):
        return near
    if abs(value) > EXACT:
        raise Unkept("a number beyond those that are compared exactly")
    return int(value)


def _date(value: datetime.date) -> Date:
    try:
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return Date(value.isoformat())
    except (OverflowError, ValueError):
        raise Unkept("a time beyond the years 1 to 9999") from None


def as_date(text: str) -> Date | None:
    """A day or a time of ISO 8601, as far as it is told; None of any other text."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        if match["time"] is None:
            return Date(datetime.date.fromisoformat(match["day"]).isoformat())
        part = (match["part"] or "").replace(",", ".")[:7]
        whole = datetime.datetime.fromisoformat(f"{match['day']}T{match['time']}{match['zone'] or ''}")
        date = _date(whole)
    except (ValueError, Unkept):
        return None
    if match["time"].count(":") == 1:
        return Date(date[:16])
    return Date(date + part.ljust(7, "0") if part.strip(".0") else date)


def as_number(text: str) -> int | float | None:
    """A number as programs write it; None of any other text, also one with leading zeros, a sign before it that adds
    nothing, or more digits than are compared exactly, as postal codes, telephone numbers and names have."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    try:
        return _number(float(match[0]) if match[1] or match[2] else int(match[0]))
    except (Unkept, ValueError):
        return None


def as_truth(text: str) -> bool | None:
    """A truth value as programs write it; None of any other text."""
    return {"true": True, "false": False}.get(text.strip().lower())


def read_as(kind: Kind, text: str) -> Scalar | None:
    """A field of a table without types as a value of a kind; None where it is empty.

    Raises:
        Unkept: it is none.
    """
    if not text.strip():
        return None
    if kind == "text":
        return clean(text)
    value = {"number": as_number, "boolean": as_truth, "date": as_date}[kind](text)
    if value is None:
        raise Unkept("another kind")
    return value
