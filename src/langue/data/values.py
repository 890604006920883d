"""The meaning of a table's cells, whatever type its format could give it.

The same number is 12 in JSON, 12.0 in pandas once another row lacks it, and "12" in a CSV file; a list is one in JSON
and its spelling in CSV. A column's meaning decides how its cells are read, never the type they happen to have.
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from collections.abc import Mapping
from typing import Any

import numpy as np

from langue.data.strict_json import parse_json

NEAR = 5
"""Characters by which an offset may be wrong: those of files that count from 1, a byte order mark or a space."""

_NO_VALUE = ("NAType", "NaTType")
"""The types of pandas that stand for nothing."""

_DIGITS = re.compile(r"\s*[+-]?[0-9]{1,300}\s*")
_QUOTED_LIST = re.compile(r"\s*\[\s*['\"].*['\"]\s*,?\s*\]\s*", re.DOTALL)
_NUMBER_LIST = re.compile(r"\s*\[[\s\d.,eE+-]*\]\s*")


def is_missing(value: Any) -> bool:
    """True for a cell that holds nothing: None, NaN, or what pandas has in its place."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in _NO_VALUE


def without_missing(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row in which None stands for all that is missing."""
    gone = [name for name, value in values.items() if value is not None and is_missing(value)]
    return {**values, **dict.fromkeys(gone)} if gone else values


def finite(value: Any) -> float | None:
    """A cell as a number, or None where it is none, or none that is finite."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """A cell as a whole number, or None where it is none: 12, 12.0, "12" and "12.0" are the same."""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):  # a float would round what is long
        return int(value)
    number = finite(value)
    return int(number) if number is not None and number.is_integer() else None


def truth(value: Any) -> bool | None:
    """A cell as yes or no, or None where it is neither: true, 1, "True" and "1" are the same."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(value.lower())
    number = whole(value)
    return bool(number) if number in (0, 1) else None


def unlisted(value: Any) -> Any:
    """The list that a text spells, as a CSV file has to; any other value as it is.

    Raises:
        ValueError: a text is the spelling of a list by its brackets and quotes, but cannot be read as one.
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not isinstance(value, str):
        return value
    if _NUMBER_LIST.fullmatch(value):
        parts = value.strip()[1:-1].replace(",", " ").split()
        numbers = [finite(part) for part in parts]
        return value if None in numbers else [whole(part) if whole(part) is not None else float(part) for part in parts]
    if not _QUOTED_LIST.fullmatch(value):
        return value
    return list(spelt(value))


def spelt(text: str) -> Any:
    """The list or mapping that a text spells as JSON, Python or NumPy does.

    Raises:
        ValueError: it spells none.
    """
    for spelling in (parse_json, _by_numpy, ast.literal_eval):
        try:
            value = spelling(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
            continue
        if isinstance(value, list | tuple | dict):
            return value
    raise ValueError("a list that cannot be read")


def _by_numpy(text: str) -> list[str]:
    """The texts of an array as NumPy prints it, without commas; Python would join what stands side by side.

    Raises:
        ValueError: it is written otherwise, or in part.
    """
    parts = [part for part in tokenize.generate_tokens(io.StringIO(text).readline) if part.string.strip()]
    inside = parts[1:-1]
    if not text.startswith("[") or any(part.type != tokenize.STRING for part in inside):
        raise ValueError("no array of texts")
    return [ast.literal_eval(part.string) for part in inside]


def place_near(context: str, text: str, start: int) -> int | None:
    """The place of a text in a longer one, in characters: the occurrence nearest to `start`, at most NEAR from it."""
    first = max(0, start - NEAR)
    places = [place for place in range(first, max(first, start + NEAR + 1)) if context.startswith(text, place)]
    return min(places, key=lambda place: (abs(place - start), place), default=None)


def label_name(label: Any) -> str:
    """A label as text; whole numbers are spelt without a point, truth as JSON does, also where a table spells them."""
    if isinstance(label, bool | np.bool_) or label in ("True", "False"):
        return str(label).lower()
    if isinstance(label, str):
        return re.sub(r"^(-?\d+)\.0+$", r"\1", label)
    number = whole(label)
    return str(label if number is None else number)
