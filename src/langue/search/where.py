"""Conditions on the metadata of documents, which say what passages may be found.

From Python `{"year": {">=": 2020}, "source": "a.txt", "lang": ["en", "de"]}`, on the command line `year>=2020`. All
conditions hold together. Conditions stay data down to the back end, which has them as expressions or as parameters;
nothing that a user writes is ever put into a query's text.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from langue.errors import LangueError
from langue.pages.reader import clean
from langue.search.fields import FieldRecord, find_field
from langue.search.values import Date, Kind, Scalar, Unkept, as_date, as_number, as_truth, plain

COMPARE: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
OPERATORS = (*COMPARE, "in")
NEGATIVE = {"!=": "==", "avoids": "begins"}
"""Operators that hold where another does not, for any of a document's values."""

MOST = 100
"""Conditions of a search. More would be a program's mistake, and are nested too deeply for a database."""
LAST = "~"
"""Stands after all letters of dates: what begins with 2020-05 is smaller than 2020-05~."""

_WRITTEN = re.compile(
    r"""\s*(?P<field>"(?:[^"\\]|\\.)*"|[^\s=<>!]+)\s*(?P<operator>==|!=|<=|>=|=|<|>|\bin\b)\s*"""
    r"""(?P<value>[^\s=<>!](?:.*\S)?)\s*""",
    re.DOTALL,
)
_PERIOD = re.compile(r"[0-9]{4}(-[0-9]{2})?")


class Condition(NamedTuple):
    """One condition. A document without the field, or with a value of another kind, never meets it; one with several
    values meets it by any of them, and `!=` if none of them is equal."""

    field: str
    operator: str
    """One of `OPERATORS`; of dates also "begins" and "avoids", for one that lies in a day, a month or a year."""
    value: Any
    """A text, a number or a truth value; of `in`, "begins" and "avoids", a tuple of such, all of one kind."""

    @property
    def values(self) -> tuple[Scalar, ...]:
        """All that it compares with."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def numeric(self) -> bool:
        """True where it is about numbers, truth values among them, and not about texts."""
        return not isinstance(self.values[0], str)

    def holds(self, metadata: Mapping[str, Any]) -> bool:
        """Tell if a document of such metadata meets it."""
        known = metadata.get(self.field)
        several = known if isinstance(known, list) else [known]
        values = [single for single in several if single is not None and isinstance(single, str) != self.numeric]
        if self.operator in NEGATIVE:
            return bool(values) and not any(self._meets(single, NEGATIVE[self.operator]) for single in values)
        return any(self._meets(single, self.operator) for single in values)

    def _meets(self, value: Any, operator: str) -> bool:
        if operator == "in":
            return value in self.value
        return value.startswith(self.value) if operator == "begins" else COMPARE[operator](value, self.value)


Where = tuple[Condition, ...]
Conditions = Mapping[str, Any] | str | Sequence[str] | None


def read_where(where: Conditions) -> Where:
    """Conditions from a mapping, from one written condition or from several.

    Raises:
        LangueError: one of them cannot be understood; says how it is written.
    """
    if where is None:
        return ()
    if isinstance(where, str):
        return (_written(where),)
    if not isinstance(where, Mapping):
        return tuple(_written(text) for text in where)
    conditions = []
    for field, value in where.items():
        if isinstance(value, Mapping):
            conditions += [_condition(field, operator, text) for operator, text in value.items()]
        else:
            conditions.append(_condition(field, "in" if isinstance(value, list | tuple | set) else "==", value))
    return tuple(conditions)


class _Number(float):
    """A number with a point or an exponent, as it was written."""

    def __new__(cls, written: str) -> _Number:
        number = super().__new__(cls, written)
        number.written = written
        return number

    written: str


def _written(text: str) -> Condition:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise LangueError(
            f'the condition {_short(text)} is not FIELD OPERATOR VALUE, such as year>=2020 or sign="<"; '
            f"a field's name with spaces stands in double quotes"
        )
    operator = "==" if match["operator"] == "=" else match["operator"]
    value = _value(match["value"])
    if operator == "in" and isinstance(value, str):
        value = [_value(part.strip()) for part in value.split(",")]
        if any(isinstance(single, str) for single in value):
            value = [_as_text(single) for single in value]  # 01 is a text, and so is 10 beside it
    field = _value(match["field"]) if match["field"].startswith('"') else match["field"]
    return _condition(field, operator, value)


def _value(text: str) -> Any:
    """A value as JSON writes it, or else a text as it stands."""
    try:
        return json.loads(text, parse_float=_Number)
    except (ValueError, RecursionError):
        return text


def _condition(field: Any, operator: Any, value: Any) -> Condition:
    if operator not in OPERATORS:
        raise LangueError(
            f"the condition on {_short(field)} has the operator {_short(operator)}; known are {', '.join(OPERATORS)}"
        )
    several = operator == "in" and isinstance(value, list | tuple | set | frozenset)
    raw = tuple(value) if several else (value,)
    if any(isinstance(single, str) and clean(single) != single for single in (field, *raw)):
        raise LangueError(f"the condition on {_short(field)} holds a NUL byte or half of a surrogate pair")
    try:
        values = tuple(single if isinstance(single, _Number) else plain(single) for single in raw)
    except Unkept as error:
        raise LangueError(f"the condition on {_short(field)} compares with {error}; give texts or numbers") from None
    texts = sum(isinstance(single, str) for single in values)
    are_scalars = all(isinstance(single, str | int | float) for single in values)
    if not values or not are_scalars or texts not in (0, len(values)):
        raise LangueError(f"the condition on {_short(field)} compares with {_short(value)}; give texts or numbers")
    return Condition(str(field), operator, values if operator == "in" else values[0])


def typed(where: Where, fields: Mapping[str, FieldRecord], place: str) -> Where:
    """Conditions with values of their fields' kinds.

    Args:
        where: conditions.
        fields: of an index.
        place: of the index, as it may be printed.

    Raises:
        LangueError: a field does not exist, or a value is not of its kind.
    """
    if len(where) > MOST:
        raise LangueError(f"{len(where):,} conditions are too many; give at most {MOST}, or one with `in` and a list")
    return tuple(_typed(condition, find_field(condition.field, fields, place).kind) for condition in where)


def _typed(condition: Condition, kind: Kind) -> Condition:
    try:
        values = tuple(_OF_KIND[kind](value) for value in condition.values)
    except Unkept as error:
        example = {"number": "2020", "boolean": "true", "date": "2020-05-31", "text": "some text"}[kind]
        raise LangueError(
            f"the field {condition.field!r} is a {kind}, and {error} is none; compare it with one, such as {example}"
        ) from None
    operator = condition.operator
    if kind == "date":
        if operator in ("==", "in", "!="):
            return Condition(condition.field, "avoids" if operator == "!=" else "begins", values)
        return condition._replace(value=values[0] + (LAST if operator in ("<=", ">") else ""))
    return condition._replace(value=values if operator == "in" else values[0])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.written if isinstance(value, _Number) else str(value)


def _as_number(value: Any) -> int | float:
    number = as_number(value) if isinstance(value, str) and not isinstance(value, Date) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise Unkept(_short(value))
    return number


def _as_boolean(value: Any) -> bool:
    truth = as_truth(value) if isinstance(value, str) else value
    if truth not in (0, 1):
        raise Unkept(_short(value))
    return bool(truth)


def _as_date(value: Any) -> str:
    text = _as_text(value)
    date = Date(text) if _PERIOD.fullmatch(text) else as_date(text)
    if date is None:
        raise Unkept(_short(value))
    return date


_OF_KIND: dict[Kind, Callable[[Any], Any]] = {
    "text": _as_text, "number": _as_number, "boolean": _as_boolean, "date": _as_date,
}  # fmt: skip


def _short(value: Any) -> str:
    return reprlib.repr(str(value) if isinstance(value, Date | _Number) else value)


def holds(where: Where, metadata: Mapping[str, Any]) -> bool:
    """Tell if a document meets all conditions."""
    return all(condition.holds(metadata) for condition in where)
