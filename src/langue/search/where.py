"""Which passages may be found: conditions on what is known about their documents.

From Python `{"year": {">=": 2020}, "source": "a.txt", "lang": ["en", "de"]}`, on the command line `year>=2020`. All
conditions hold together. Conditions stay data down to the back end, which has them as expressions or as parameters;
nothing that a user writes is ever put into a query's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from langue.errors import LangueError

Value = str | float | bool

COMPARE: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
OPERATORS = (*COMPARE, "in")

_WRITTEN = re.compile(
    r"\s*(?P<field>[^\s=<>!]+)\s*(?P<operator>==|!=|<=|>=|=|<|>|\bin\b)\s*(?P<value>[^\s=<>!](?:.*\S)?)\s*", re.DOTALL
)


class Condition(NamedTuple):
    """One condition. A document without the field, or with a value of another kind, never meets it."""

    field: str
    operator: str
    value: Any
    """A text, a number or a truth value; of `in`, a tuple of such, all of one kind."""

    @property
    def numeric(self) -> bool:
        """Whether it is about numbers, truth values among them, and not about texts."""
        first = self.value[0] if self.operator == "in" else self.value
        return not isinstance(first, str)

    def holds(self, metadata: Mapping[str, Any]) -> bool:
        """Whether a document of such metadata meets it."""
        found = metadata.get(self.field)
        if found is None or isinstance(found, str) == self.numeric:
            return False
        return found in self.value if self.operator == "in" else COMPARE[self.operator](found, self.value)


Where = tuple[Condition, ...]
Given = Mapping[str, Any] | str | Sequence[str] | None


def read_where(given: Given) -> Where:
    """Conditions from a mapping, from one written condition or from several.

    Raises:
        LangueError: one of them cannot be understood; says how it is written.
    """
    if given is None:
        return ()
    if isinstance(given, str):
        return (_written(given),)
    if not isinstance(given, Mapping):
        return tuple(_written(each) for each in given)
    found = []
    for field, value in given.items():
        if isinstance(value, Mapping):
            found += [_condition(field, operator, each) for operator, each in value.items()]
        else:
            found.append(_condition(field, "in" if isinstance(value, list | tuple | set) else "==", value))
    return tuple(found)


def _written(text: str) -> Condition:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise LangueError(f'the condition {text!r} is not FIELD OPERATOR VALUE, such as year>=2020 or sign="<"')
    try:
        value = json.loads(match["value"])
    except ValueError:
        value = match["value"]
    operator = "==" if match["operator"] == "=" else match["operator"]
    if operator == "in" and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return _condition(match["field"], operator, value)


def _condition(field: Any, operator: Any, value: Any) -> Condition:
    if operator not in OPERATORS:
        raise LangueError(f"the condition on {field} has the operator {operator!r}; known are {', '.join(OPERATORS)}")
    values: Iterable[Any] = value if operator == "in" and isinstance(value, list | tuple | set) else [value]
    values = tuple(values)
    texts = sum(isinstance(each, str) for each in values)
    sound = all(isinstance(each, str | int | float) and each == each for each in values)
    if not values or not sound or texts not in (0, len(values)):
        raise LangueError(f"the condition on {field} compares with {value!r}; give texts, or else numbers")
    return Condition(str(field), operator, values if operator == "in" else values[0])


def holds(where: Where, metadata: Mapping[str, Any]) -> bool:
    """Whether a document meets all conditions."""
    return all(condition.holds(metadata) for condition in where)
