"""JSON that other people wrote, read without a guess: what has two meanings, or none, is a fault."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_NUMBER = 300
"""Digits of a whole number; one that has more becomes a float, as it is for JavaScript, and mostly an infinite one."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> Any:
    """The value that a JSON text spells.

    Raises:
        ValueError: its message is the fault in two words: "invalid JSON", "repeated key", or "invalid UTF-8" for half
            of a surrogate pair, which no text can hold.
    """
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):  # only an escape can spell half of a pair
            json.dumps(value, ensure_ascii=False).encode()
    except _JSONFault:
        raise
    except UnicodeEncodeError:
        raise _JSONFault("invalid UTF-8") from None
    except (ValueError, RecursionError):
        raise _JSONFault("invalid JSON") from None
    return value


class _JSONFault(ValueError):
    """A fault that has its name already."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _JSONFault("repeated key")
    return value


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole)
