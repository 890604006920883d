"""Fields of a recipe as options: `--section.field VALUE`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langue.errors import LangueError

_RESUME, _WAYS = "--resume", ("always", "auto")
"""An option that may stand alone, and what else may stand behind it."""

_FIELD = re.compile(r"--(task|[a-z_]+(?:\.[A-Za-z0-9_-]+)+)(?:=(.*))?", re.DOTALL)


def gather_fields(arguments: Sequence[str]) -> list[str]:
    """Rewrite `--section.field VALUE` and `--section.field=VALUE` as `--set=section.field=VALUE`, an ordinary option.

    A recipe's fields are not the parameters of a verb, so the parser of options cannot know their names.

    Raises:
        LangueError: the last field has no value.
    """
    gathered = []
    rest = iter(arguments)
    for argument in rest:
        match = _FIELD.fullmatch(argument)
        if match is None:
            gathered.append(argument)
            continue
        name, value = match.groups()
        if value is None:
            value = next(rest, None)
        if value is None:
            raise LangueError(f"{argument} needs a value")
        gathered.append(f"--set={name}={value}")
    return gathered


def complete_resume(arguments: Sequence[str]) -> list[str]:
    """Put `--resume always` for a `--resume` that stands alone."""
    completed = []
    for argument, behind in zip(arguments, [*arguments[1:], ""], strict=True):
        completed.append(argument)
        if argument == _RESUME and behind not in _WAYS:
            completed.append(_WAYS[0])
    return completed


def read_fields(changes: Sequence[str]) -> dict[str, str]:
    """From `section.field=VALUE` to `{"section.field": "VALUE"}`; of two for one field, the last counts.

    Raises:
        LangueError: one of them has no `=`.
    """
    fields = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise LangueError(f"--set {change}: write --set section.field=VALUE")
        fields[name] = value
    return fields
