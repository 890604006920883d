"""Settings: frozen, typed, read from YAML, overridden by dotted names, and strict about every key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

from langue.content import OutOfBounds, parse_yaml
from langue.errors import LONGEST_REASON, LangueError, hint, one_line, reading


class Settings(BaseModel):
    """Base of all settings: immutable; a key that nobody knows is an error, and so is a number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Describe fields that a subclass states anew, without a docstring, as its bases do."""
        described = [base.model_fields for base in cls.__mro__[1:] if issubclass(base, Settings)]
        silent = {
            name: next((fields[name].description for fields in described if name in fields), None)
            for name, field in cls.model_fields.items()
            if field.description is None
        }
        for name, description in silent.items():
            cls.model_fields[name].description = description
        if any(silent.values()):
            cls.model_rebuild(force=True)  # which writes them into the schema

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        # A cached property was worked out from the old fields.
        for name in copied.__dict__.keys() - type(copied).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; a mapping changes the fields of the settings that a field holds."""
        held = {name: getattr(self, name) for name in changes}
        return self.model_copy(
            update={
                name: held[name].replace(**value)
                if isinstance(held[name], Settings) and isinstance(value, Mapping)
                else value
                for name, value in changes.items()
            }
        )


INDEPENDENT_FAULTS = ("missing", "extra_forbidden")
"""Faults of which all are named, since each is mended without the others."""

Kind = TypeVar("Kind", bound=Settings)


def override(content: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """Apply `{"training.steps": "200"}`; a value is written as in YAML.

    Raises:
        LangueError: a name passes through something that has no parts, or a list or table is not whole.
    """
    result = dict(content)
    for dotted, value in changes.items():
        *parents, name = dotted.split(".")
        place = result
        for parent in parents:
            inner = place.get(parent)
            if inner is not None and not isinstance(inner, Mapping):
                raise LangueError(f"--{dotted}: {parent} is {inner!r} and has no part {name}")
            place[parent] = dict(inner or {})
            place = place[parent]
        place[name] = _value(dotted, value)
    return result


def _value(dotted: str, text: str) -> Any:
    """A value as in YAML, but that globs and text with a colon need no quotes."""
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        if text.startswith(("[", "{")) or isinstance(error, OutOfBounds):
            raise LangueError(f"--{dotted}: {text!r:.60} is not a valid value") from None
        return text
    return text if isinstance(value, dict) and not text.startswith("{") else value


def shown(value: object) -> str:
    """A value as a recipe's file would hold it, for a message: paths as strings, settings as tables."""
    return repr(to_jsonable_python(value, fallback=str))


def parse(kind: type[Kind], content: Mapping[str, Any], where: str, changed: Collection[str] = ()) -> Kind:
    """Check a mapping against a kind of settings.

    Args:
        kind: the settings to be.
        content: fields by name, nested.
        where: the source that an error names.
        changed: dotted names that `override` has changed, whose source is the command line instead.

    Raises:
        LangueError: names the source, the key, and the nearest right key or what the value should have been.
    """
    with reading(where):  # a check may stumble over what no settings ever held
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            errors: list[Mapping[str, Any]] = [
                {**fault, "loc": _within(fault["loc"], content, missing=fault["type"] == "missing")}
                for fault in error.errors()
            ]
            first = _telling(errors)
    name = ".".join(str(part) for part in first["loc"])
    unknown = first["type"] == "extra_forbidden"
    for change in changed:
        if f"{name}.".startswith(f"{change}.") or (unknown and change.startswith(f"{name}.")):
            raise LangueError(f"--{change}: " + _explain(kind, first))
    every = errors if first["type"] in INDEPENDENT_FAULTS else [first]
    faults = dict.fromkeys(_explain(kind, error) for error in every if error["type"] == first["type"])
    raise LangueError(f"{where}: " + "; ".join(faults))


def first_fault(error: ValidationError) -> str:
    """The sentence of settings whose fields are options of the command line."""
    fault = error.errors()[0]
    name, option = str(fault["loc"][0]) if fault["loc"] else "", isinstance(fault["input"], str)
    sentence = _explain(Settings, fault | {"input": None}) + (f", got {fault['input']}" if option else "")
    return f"--{name.replace('_', '-')}{sentence.removeprefix(name)}" if name else sentence


def _telling(errors: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first error, and of those of a field that may be of several kinds, the one that came furthest.

    Such errors bear the name of the kind that was tried in their place, which says nothing to a reader of the recipe.
    """
    field = errors[0]["loc"]
    return max((error for error in errors if error["loc"][: len(field)] == field), key=lambda error: len(error["loc"]))


def _within(place: Sequence[int | str], content: Any, *, missing: bool) -> tuple[int | str, ...]:
    """The parts of a place that are there; and its last part, if that is just what is missing."""
    parts: list[int | str] = []
    for number, part in enumerate(place):
        if isinstance(content, Mapping):
            known = part in content
        else:
            known = isinstance(content, list) and isinstance(part, int)
        if known:
            content = content[part]
        elif not (missing and number == len(place) - 1):
            continue
        parts.append(part)
    return tuple(parts)


def _explain(kind: type[Settings], first: Mapping[str, Any]) -> str:
    place = tuple(part for part in first["loc"])
    name = one_line(".".join(str(part) for part in place))[:LONGEST_REASON]
    if first["type"] == "extra_forbidden":
        known = _keys_at(kind, place[:-1])
        return f"unknown key {name}; {hint(str(place[-1]), sorted(known), cutoff=0.5)}"
    if first["type"] == "missing":
        return f"{name} is missing"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = first.get("input")
    if first["type"] == "tuple_type":
        message = "input should be a list" + (f", such as [{value}]" if isinstance(value, str) else "")
    shown = f", got {value!r}" if isinstance(value, (str, int, float, bool)) else ""
    return f"{name}: {message}{shown}" if name else f"{message}{shown}"


def _keys_at(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    for part in place:
        field = kind.model_fields.get(str(part))
        if field is None:
            continue
        candidates = [field.annotation, *get_args(field.annotation)]
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if inner is not None:
            kind = inner
    return list(kind.model_fields)
