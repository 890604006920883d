"""metrics.jsonl: JSON objects, one a line, each of which tells whether its bytes are those that were written.

The last key of every object is "crc32": eight hexadecimal digits, the CRC-32 (that of zlib) of the line's bytes as they
are without that key and without the line end. `{"step": 1}` becomes `{"step": 1, "crc32": "3a87913d"}`. A line ends
at a line feed and at nothing else: text may hold U+2028, U+2029 and U+0085.
"""

from __future__ import annotations

import json
import math
import re
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_CHECK = re.compile(rb', "crc32": "([0-9a-f]{8})"\}')
_CHECK_BYTES = len(', "crc32": "01234567"}')
_NAMED = 5
"""Damaged lines that a warning names one by one."""


class CheckedLine(NamedTuple):
    """One whole line."""

    raw: bytes
    """With its line end."""
    values: Mapping[str, Any]
    """Without the checksum."""


def write_line(values: Mapping[str, Any]) -> bytes:
    """The line of a row with at least one value; what is not finite becomes null, which JSON knows."""
    clean = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    # A lone surrogate, which UTF-8 cannot say, becomes JSON's own escape for it.
    body = json.dumps(clean, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return body[:-1] + f', "crc32": "{zlib.crc32(body):08x}"}}\n'.encode()


def read_lines(path: Path) -> list[CheckedLine]:
    """All whole lines of a file, none where there is no file.

    Lines that are damaged are left out, and so is a last one that a sudden end has cut short; a warning names them.
    """
    try:
        *pieces, rest = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    lines, damaged = [], []
    for number, piece in enumerate(pieces, 1):
        values = _values(piece)
        if values is None:
            damaged.append(number)
        else:
            lines.append(CheckedLine(piece + b"\n", values))
    if damaged:
        warnings.warn(f"{path}: {_name(damaged)} damaged and left out", stacklevel=2)
    if rest:
        place = f"line {len(pieces) + 1}, the last"
        warnings.warn(f"{path}: {place}, was cut short by a sudden end and is left out", stacklevel=2)
    return lines


def _values(piece: bytes) -> Mapping[str, Any] | None:
    check = _CHECK.fullmatch(piece, max(0, len(piece) - _CHECK_BYTES))
    if check is None:
        return None
    body = piece[: check.start()] + b"}"
    if f"{zlib.crc32(body):08x}".encode() != check[1]:
        return None
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) and isinstance(values.get("step"), int) else None


def _name(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]} is"
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"lines {named}{more} are"
