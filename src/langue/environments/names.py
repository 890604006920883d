"""Environments by name: Langue's own, and those of other libraries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gymnasium.envs.registration import register, registry

from langue.environments.environment import TextEnvironment
from langue.errors import LangueError, hint
from langue.lazy import fetch, fetch_named

OWN = {
    "Langue/Write-v0": "langue.environments.write:WriteEnvironment",
    "Langue/Translate-v0": "langue.environments.translate:TranslateEnvironment",
    "Langue/Transcribe-v0": "langue.environments.transcribe:TranscribeEnvironment",
}
"""Environments of texts that Gymnasium makes as well."""

TOKENS = "Langue/Tokens-v0"

OTHERS = {
    "gym": "langue.environments.games:named",
    "reasoning-gym": "langue.environments.exercises:Exercises",
    "textarena": "langue.environments.arena:Arena",
}
"""Environments of other libraries, by the scheme before the colon of their names."""

_PYTHON = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


Spec = str | Mapping[str, Any] | TextEnvironment
"""An environment as a recipe states it: its name, or a mapping of its `name` and settings; or itself."""


def make(spec: Spec, **settings: Any) -> TextEnvironment:
    """An environment of texts.

    Args:
        spec: `Langue/Write-v0`, `Langue/Translate-v0` or `Langue/Transcribe-v0`; `gym:ID` of Gymnasium's,
            `reasoning-gym:TASK`, `textarena:GAME`; `module:Class`, a `TextEnvironment` or an environment of
            Gymnasium's; or a mapping of such a name and settings.
        settings: of its kind, before those of a mapping.

    Raises:
        LangueError: there is no such environment or setting, or a library is not installed.
    """
    if isinstance(spec, TextEnvironment):
        return spec
    if isinstance(spec, str):
        return _named(spec, settings)
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise LangueError(f"an environment is a name, or a mapping of its name and settings, not {spec!r:.60}")
    return _named(spec["name"], {**{key: spec[key] for key in spec if key != "name"}, **settings})


def _named(name: str, settings: Mapping[str, Any]) -> TextEnvironment:
    scheme, colon, rest = name.partition(":")
    if name in OWN:
        return fetch(OWN[name])(**settings)
    if scheme in OTHERS and colon:
        return fetch(OTHERS[scheme])(rest, **settings)
    if name == TOKENS:
        raise LangueError(f"{TOKENS} has numbers for actions, and is made by gymnasium.make; name what it stands on")
    if _PYTHON.fullmatch(name):
        return _of_class(name, fetch_named(name, "an environment"), settings)
    named = [f"gym:{name}"] if name in registry else []
    known = [*OWN, *named, *(f"{other}:NAME" for other in OTHERS), "module:Class"]
    raise LangueError(f"there is no environment {name}; {hint(name, known)}")


def _of_class(name: str, kind: Callable[..., Any], settings: Mapping[str, Any]) -> TextEnvironment:
    if isinstance(kind, type) and issubclass(kind, TextEnvironment):
        return kind(**settings)
    from langue.environments.games import GymText

    return GymText(name, kind, **settings)


def register_all() -> None:
    """Tell Gymnasium of Langue's environments; once told, nothing happens."""
    targets = {**OWN, TOKENS: "langue.environments.tokens:Tokens"}
    for name, target in targets.items():
        if name not in registry:
            register(name, entry_point=target, vector_entry_point=_vector(name))


def _vector(name: str) -> Callable[..., Any]:
    def vector(num_envs: int, **settings: Any) -> Any:
        return fetch("langue.environments.vector:make_vector")(name, num_envs, **settings)

    return vector
