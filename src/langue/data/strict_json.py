"""JSON that other people wrote, read without a guess: what has two meanings, or none, is a fault."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_NUMBER = 300
"""Digits of a whole number: what has more is no number that a float could stand for (at most 1.8 · 10³⁰⁸)."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> Any:
    """The value that a JSON text spells. NaN, by which many writers mean that there is no value, becomes None.

    Raises:
        ValueError: its message is the fault in two or three words: "invalid JSON", "repeated key", "number too large",
            or "invalid UTF-8" for half of a surrogate pair, which no text can hold.
    """
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):  # only an escape can spell half of a pair
            json.dumps(value, ensure_ascii=False).encode()
    except _Fault:
        raise
    except UnicodeEncodeError:
        raise _Fault("invalid UTF-8") from None
    except (ValueError, RecursionError):
        raise _Fault("invalid JSON") from None
    return value


class _Fault(ValueError):
    """A fault that has its name already."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Fault("repeated key")
    return value


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _Fault("number too large")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Fault("number too large")
    return value


def _constant(name: str) -> None:
    if name != "NaN":
        raise _Fault("number too large")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_float=_float, parse_constant=_constant)
