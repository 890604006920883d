"""Damage and malice for any file: bytes flipped, cut, doubled and mixed, and values changed where the format is known.

All draws come from the generator that is handed in, so that a seed and a number tell a mutation again.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

Mutation = Callable[[bytes, bytes, Random], bytes]
"""From a file, another one of its kind, and draws."""

LONGEST = 4_000_000
"""Bytes of a mutated file: what is larger is cut, since size alone is no malice here."""

NUMBERS = ("0", "-1", "1", "2147483648", "-2147483649", "9223372036854775808", "18446744073709551616", "9" * 400)
NUMBERS += ("1e999", "-1e999", "NaN", "Infinity", "0.1", "1e-320", "-0.0", "1e18", "10000000", "65536", "007")
"""Numbers as they are spelt; not all of them are JSON's."""

TEXTS = ("", " ", "\0", "\ud800", "\udc00x", "\u202ex", "\u2028", "\u0085", "\ufeff", "\r", "\n", "\t", '"', "'", "\\")
TEXTS += ("x" * 100_000, "𝕳" * 2000, "../../etc/passwd", "/dev/zero", "NUL", "nan", "None", "%s%n", "{0}", "a\0b", "-")
TEXTS += ("__class__", "hf:x", "\x1b[2J", "é" * 300, "1" * 5000, "(a+)+$", "[[:alpha:]", "<|endoftext|>", "\u0301" * 99)

DEEP = 3000
"""Containers inside containers."""

SPELT = (*NUMBERS, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '{"a": 1, "a": 2}', '"\\ud800"', "nul")
"""Values by how JSON spells them, or would."""

YAML = ("&a [*a]", "&a {b: *a}", "!!python/object/apply:os.system [ls]", "!!binary x", "2020-99-99", "1:60:60", "0o9")
YAML += (
    "!!set {a, b}",
    "!!timestamp x",
    "!!int x",
    "!!float x",
    "!!omap [a]",
    "~",
    "{? [a] : b}",
    "{<<: 1}",
    "on",
    ".inf",
)
YAML += ("!x y", "!!null x", "!!pairs [1]", "!!bool maybe", "{? {a: b} : c}", "*nowhere", "0x" + "f" * 400, "1_0", "=")
YAML += ("[&a [x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b], &d [*c,*c,*c,*c,*c,*c,*c],"
         " &e [*d,*d,*d,*d,*d,*d,*d,*d,*d], [*e,*e,*e,*e,*e,*e,*e,*e,*e]]",)  # fmt: skip

MARK = "@@{}@@"
"""Stands in a value for what is spelt another way."""


def mutate(name: str, content: bytes, other: bytes, draws: Random) -> tuple[bytes, list[str]]:
    """Change a file in one to three ways.

    Args:
        name: of the file, whose ending tells its format.
        content: its bytes.
        other: those of another file to take parts from.
        draws: says what is changed.

    Returns:
        The bytes, which may by chance be those there were, and the names of the changes.
    """
    ending = name.rpartition(".")[2].lower()
    known, done = STRUCTURED.get(ending), []
    for step in range(draws.choices((1, 2, 3), (6, 3, 1))[0]):
        # A hostile file is no longer parsed: that could take any time and memory.
        kind = known if known is not None and not step and draws.random() < 0.6 else draws.choice(BYTES)
        try:
            content = kind(content, other, draws)[:LONGEST]
            done.append(kind.__name__)
        except (ValueError, IndexError, RecursionError, yaml.YAMLError):  # no longer of its format, or too short
            content = flip_bits(content or b"\0", other, draws)
            done.append("flip_bits")
    return content, done


def flip_bits(content: bytes, other: bytes, draws: Random) -> bytes:
    """Turn one to eight bits."""
    changed = bytearray(content)
    for _ in range(draws.randint(1, 8)):
        changed[_place(content, draws)] ^= 1 << draws.randrange(8)
    return bytes(changed)


def set_bytes(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put any bytes in the place of one to four."""
    changed = bytearray(content)
    for _ in range(draws.randint(1, 4)):
        changed[_place(content, draws)] = draws.choice((0, 0x7F, 0x80, 0xFF, draws.randrange(256)))
    return bytes(changed)


def cut_off(content: bytes, other: bytes, draws: Random) -> bytes:
    """Take away the end, or the beginning."""
    place = _place(content, draws)
    return content[:place] if draws.random() < 0.8 else content[place:]


def insert(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put something in between."""
    place = _place(content, draws)
    what = draws.choice((draws.randbytes(draws.randint(1, 40)), b"\0" * draws.choice((1, 8, 4096)), _odd_text(draws)))
    return content[:place] + what + content[place:]


def delete(content: bytes, other: bytes, draws: Random) -> bytes:
    """Take something out."""
    start, end = _stretch(content, draws)
    return content[:start] + content[end:]


def double(content: bytes, other: bytes, draws: Random) -> bytes:
    """Repeat a stretch, maybe many times."""
    start, end = _stretch(content, draws)
    return content[:start] + content[start:end] * draws.choice((2, 2, 3, 100)) + content[end:]


def swap(content: bytes, other: bytes, draws: Random) -> bytes:
    """Exchange two stretches."""
    a, b, c, d = sorted(_place(content, draws) for _ in range(4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def splice(content: bytes, other: bytes, draws: Random) -> bytes:
    """Go on with another file, or put a stretch of it in."""
    start, end = _stretch(other, draws)
    place = _place(content, draws)
    if draws.random() < 0.5:
        return content[:place] + other[start:]
    return content[:place] + other[start:end] + content[place + end - start :]


def set_number(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put an extreme in the place of a number of 1, 2, 4 or 8 bytes, as binary formats have them."""
    size = draws.choice((1, 2, 4, 8))
    place = _place(content, draws)
    place -= place % draws.choice((1, size))
    number = draws.choice((0, 1, -1, 2**31, 2**31 - 1, 2**63 - 1, 2**63, 2**24, 10**6, len(content), len(content) + 1))
    order = draws.choice(("<", "<", ">"))
    raw = struct.pack(f"{order}Q", number % 2**64)
    raw = raw[:size] if order == "<" else raw[-size:]
    return content[:place] + raw + content[place + size :]


def set_float(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put no number, infinity or a huge one in the place of a float."""
    number = draws.choice((float("nan"), float("inf"), -float("inf"), 1e38, 1e-45))
    place = _place(content, draws) // 4 * 4
    return content[:place] + struct.pack("<f", number) + content[place + 4 :]


def respell_number(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put an extreme in the place of a number that is spelt in digits."""
    numbers = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", content[:200_000])]
    start, end = draws.choice(numbers)
    return content[:start] + draws.choice(NUMBERS).encode() + content[end:]


def respell_word(content: bytes, other: bytes, draws: Random) -> bytes:
    """Put an odd text in the place of a word."""
    words = [match.span() for match in re.finditer(rb"\w+", content[:200_000])]
    start, end = draws.choice(words)
    return content[:start] + _odd_text(draws) + content[end:]


def move_lines(content: bytes, other: bytes, draws: Random) -> bytes:
    """Drop, double or move a line, or change what ends it."""
    lines = content.split(b"\n")
    one, two = draws.randrange(len(lines)), draws.randrange(len(lines))
    choice = draws.randrange(5)
    if choice == 0:
        del lines[one]
    elif choice == 1:
        lines.insert(two, lines[one])
    elif choice == 2:
        lines[one], lines[two] = lines[two], lines[one]
    else:
        return content.replace(b"\n", draws.choice((b"\r\n", b"\r", "\u2028".encode(), b"\0", b"\n\n", b"", b"\x0c")))
    return b"\n".join(lines)


def reencode(content: bytes, other: bytes, draws: Random) -> bytes:
    """Write the text in another encoding, or twice in this one."""
    text = content.decode("utf-8", "replace")
    kind = draws.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig", "cp037", "shift-jis", "utf-16-be"))
    return text.encode(kind, "replace")


def change_json(content: bytes, other: bytes, draws: Random) -> bytes:
    """Change a value of a JSON file."""
    return _changed(json.loads(content), SPELT, draws)


def change_lines(content: bytes, other: bytes, draws: Random) -> bytes:
    """Change a value in a line of JSON lines."""
    lines = content.split(b"\n")
    number = draws.choice([number for number, line in enumerate(lines) if line.strip()])
    lines[number] = _changed(json.loads(lines[number]), SPELT, draws)
    return b"\n".join(lines)


def change_yaml(content: bytes, other: bytes, draws: Random) -> bytes:
    """Change a value of a YAML file, which may then hold itself, be deep, or be of a kind that wants code."""
    return _changed(yaml.safe_load(content), (*SPELT, *YAML, *YAML), draws)


def change_header(content: bytes, other: bytes, draws: Random) -> bytes:
    """Change a value of the JSON before the tensors of a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    header = _changed(json.loads(content[8 : 8 + size]), SPELT, draws)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def change_cell(content: bytes, other: bytes, draws: Random) -> bytes:
    """Change a cell of a table with commas or tabs, or add or drop one."""
    lines = content.split(b"\n")
    number = draws.choice((0, draws.randrange(len(lines))))
    mark = b"\t" if b"\t" in lines[0] else b","
    cells = lines[number].split(mark)
    place = draws.randrange(len(cells))
    choice = draws.randrange(4)
    if choice == 0:
        del cells[place]
    elif choice == 1:
        cells.insert(place, draws.choice(cells))
    else:
        cells[place] = draws.choice((draws.choice(NUMBERS).encode(), _odd_text(draws), b"[1, 2", b"['a' 'b']", b"{"))
    lines[number] = mark.join(cells)
    return b"\n".join(lines)


BYTES: tuple[Mutation, ...] = (flip_bits, flip_bits, set_bytes, cut_off, insert, delete, double, swap, splice)
BYTES += (set_number, set_number, set_float, respell_number, respell_word, move_lines, reencode)

STRUCTURED: dict[str, Mutation] = {
    "json": change_json,
    "jsonl": change_lines,
    "yaml": change_yaml,
    "safetensors": change_header,
    "csv": change_cell,
    "tsv": change_cell,
}


def _place(content: bytes, draws: Random) -> int:
    """Half of all lie near the beginning or the end, where formats have what says what the rest is."""
    near = min(len(content), 256)
    choice = draws.random()
    if choice < 0.3:
        return draws.randrange(near)
    return len(content) - 1 - draws.randrange(near) if choice < 0.5 else draws.randrange(len(content))


def _stretch(content: bytes, draws: Random) -> tuple[int, int]:
    start = _place(content, draws)
    return start, start + draws.choice((1, 4, 16, 256, len(content) // 3 + 1))


def _odd_text(draws: Random) -> bytes:
    return draws.choice(TEXTS).encode("utf-8", "surrogatepass")


def _changed(value: Any, spelt: tuple[str, ...], draws: Random) -> bytes:
    """A value with one place in it changed, as JSON, in which some values are spelt as JSON does not."""
    root = [copy.deepcopy(value)]
    raw: dict[str, str] = {}

    def odd() -> Any:
        choice = draws.random()
        if choice < 0.5:
            mark = MARK.format(len(raw))
            raw[json.dumps(mark)] = draws.choice(spelt)
            return mark
        if choice < 0.75:
            return draws.choice(TEXTS)
        return draws.choice((None, True, False, [], {}, [1], {"a": 1}, 0, -1, 1.5, "x", [[]], [None], root[0]))

    holder, key = draws.choice(list(_places(root)))
    choice = draws.randrange(6) if isinstance(holder, dict) or holder is not root else 0
    if choice == 1:
        del holder[key]
    elif choice == 2 and isinstance(holder, dict):
        mark = MARK.format("key")
        holder[mark] = odd()
        raw[json.dumps(mark)] = json.dumps(key)  # the key stands twice
    elif choice == 3 and isinstance(holder, dict):
        holder[str(odd())] = holder.pop(key)
    elif choice == 4:
        inner = holder[key]
        for _ in range(draws.choice((1, 2, 150))):
            inner = draws.choice(([inner], {"a": inner}))
        holder[key] = inner
    else:
        holder[key] = odd()
    text = json.dumps(root[0] if root else None, default=str)
    for mark, spelling in raw.items():
        text = text.replace(mark, spelling)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> Any:
    """All places of a value that hold one, each as what it lies in and its key there."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
