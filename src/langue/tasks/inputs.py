"""Inputs of tasks from Python: one or many, of the types that a task takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langue.errors import LangueError


def as_list(
    values: Any, wanted: str, alone: tuple[type, ...] = (str,), kinds: tuple[type, ...] | None = None
) -> list[Any]:
    """The inputs of a task's verb as a list, in which one alone is the only one.

    Args:
        values: an input, or an iterable of several.
        wanted: what an input should be, such as "a text".
        alone: types of an input that stands for itself.
        kinds: types of an input among others; None takes the same.

    Raises:
        LangueError: it is neither, or one of several is of another type.
    """
    if isinstance(values, alone):
        return [values]
    many = list(several(values, wanted))
    for number, value in enumerate(many, 1):
        check_type(value, f"input {number}", wanted, kinds or alone)
    return many


def check_type(value: Any, place: str, wanted: str, kinds: tuple[type, ...] = (str,)) -> None:
    """Refuse an input of another type.

    Raises:
        LangueError: names the type that came and what is wanted.
    """
    if not isinstance(value, kinds):
        raise LangueError(f"{place} should be {wanted}, got {_kind(value)}")


def several(values: Any, wanted: str) -> Iterator[Any]:
    """The inputs of an iterable, as they are asked for.

    Raises:
        LangueError: it is none, or an input by itself.
    """
    try:
        if not isinstance(values, str | bytes | bytearray | Mapping):
            return iter(values)
    except TypeError:  # also of an array without an axis
        pass
    raise LangueError(f"the input should be {wanted} or a list of such, got {_kind(values)}")


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
