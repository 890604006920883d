"""JSON and YAML that hold settings: read within bounds, and whatever is wrong with them is named.

Such files are small and flat. What a hostile or damaged one may hold instead, a value nested a thousand deep, aliases
that double at each line, a number of 400 digits or none at all, is refused here, before anything is worked out with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from langue.errors import LangueError, one_line, reason, unreadable

LARGEST = 1 << 28
"""Bytes of a JSON file."""
LARGEST_YAML = 1 << 22
"""Bytes of a YAML file, whose parser takes ten microseconds for each."""
DEEPEST = 100
"""Values inside values."""
MOST = 1_000_000
"""Values of a YAML file, those counted again that an alias repeats."""
GREATEST = 2**63
"""Whole numbers lie nearer to 0, so that they fit into 64 bits."""

Value = TypeVar("Value")


def read_json(path: Path, kind: type[Value] = dict) -> Value:
    """Read a JSON file that holds one value of a kind.

    Raises:
        FileNotFoundError: there is no such file.
        LangueError: it cannot be read, is not valid JSON, or holds something else.
    """
    return parse_json(_read(path, LARGEST), path, kind)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, indented, into a folder that is being written."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def parse_json(text: str | bytes, where: Path | str, kind: type[Value] = dict) -> Value:
    """Read the JSON text that stands in a place.

    Raises:
        LangueError: it is not valid JSON, holds something else, is nested too deeply, repeats a key, or has a number
            that is none or too large.
    """
    try:
        content = _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        fault = str(error) if isinstance(error, _ContentFault) else "it is not valid JSON"
        raise LangueError(f"{where} is damaged: {fault}") from None
    if not isinstance(content, kind):
        raise LangueError(f"{where} is damaged: it holds no {_KINDS[kind]}")
    if _depth(content) > DEEPEST:
        raise LangueError(f"{where} is damaged: it is nested too deeply")
    return content


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        LangueError: the file is missing, is no text, is no YAML or holds something else than a mapping.
    """
    path = Path(path)
    try:
        text = _read(path, LARGEST_YAML).decode("utf-8")
    except FileNotFoundError:
        raise LangueError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise LangueError(f"{path} cannot be read: {reason(error)}") from None
    try:
        content = parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = one_line(str(getattr(error, "problem", error)))
        raise LangueError(f"{path}{line} is not valid YAML: {problem}") from None
    if not isinstance(content, dict):
        what = "nothing" if content is None else type(content).__name__
        raise LangueError(f"{path} must hold settings by name, but holds {what}")
    return content


def parse_yaml(text: str) -> Any:
    """The value of a YAML text; aliases are welcome, but not one that holds itself or a multitude.

    Raises:
        yaml.YAMLError: it is not valid, is nested too deeply, repeats a key, or has a number that is too large.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        content = loader.construct_document(node)
    except RecursionError:
        raise OutOfBounds(problem="it is nested too deeply") from None
    except yaml.YAMLError:
        raise
    except Exception as error:  # a date, a truth value, a number that is none: constructors raise anything
        raise yaml.MarkedYAMLError(problem=reason(error)) from None
    finally:
        loader.dispose()
    return content


def _check(root: yaml.Node) -> None:
    """Walk over all nodes, each as often as it is repeated, before anything is made of them."""
    rest, count = [(root, 1)], 0
    while rest:
        node, depth = rest.pop()
        count += 1
        if depth > DEEPEST or count > MOST:
            fault = "nested too deeply, or within itself" if depth > DEEPEST else "repeated too often by aliases"
            raise OutOfBounds(problem=f"a value is {fault}", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            rest += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            rest += [(part, depth + 1) for part in node.value]
        elif isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:int" and _is_too_large(node):
            raise OutOfBounds(problem="a number is too large", problem_mark=node.start_mark)


def _is_too_large(node: yaml.ScalarNode) -> bool:
    return len(node.value) > 100 or abs(yaml.SafeLoader("").construct_yaml_int(node)) >= GREATEST


def _check_keys(node: yaml.MappingNode) -> None:
    """Refuse a key that stands twice, of which YAML would forget the first, and read each as the name that it is."""
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
            if key.tag == "tag:yaml.org,2002:bool":  # a key `on` is a name, which YAML 1.1 takes for true
                key.tag = "tag:yaml.org,2002:str"


def _read(path: Path, largest: int) -> bytes:
    """The bytes of a file of ours.

    Raises:
        FileNotFoundError: there is no such file.
        LangueError: it is too large, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > largest:
            raise LangueError(f"{path} has {size:,} bytes, which is too large for what it should hold")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None


def _depth(content: Any) -> int:
    """Containers inside containers, as far as one more than is allowed."""
    level, depth = [content], 0
    while level and depth <= DEEPEST:
        inner = [part for part in level if isinstance(part, dict | list)]
        level = [one for part in inner for one in (part.values() if isinstance(part, Mapping) else part)]
        depth += 1
    return depth


class OutOfBounds(yaml.MarkedYAMLError):
    """YAML that is valid and yet no setting."""


class _ContentFault(ValueError):
    """A fault that has its name already."""


def _whole(digits: str) -> int:
    if len(digits) > len(str(-GREATEST)) or abs(int(digits)) >= GREATEST:
        raise _ContentFault("a number in it is too large")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _ContentFault("a number in it is too large")
    return value


def _constant(name: str) -> float:
    raise _ContentFault(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _ContentFault("a key stands twice in it")
    return content


_KINDS = {dict: "settings", list: "list"}
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_float=_float, parse_constant=_constant)
