"""Environments by name: Langue's own, and those of other libraries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gymnasium.envs.registration import register, registry

from langue.environments.environment import TextEnvironment
from langue.errors import LangueError, hint
from langue.lazy import fetch, fetch_named

OWN = {
    "Langue/Write-v0": "langue.environments.write:Write",
    "Langue/Translate-v0": "langue.environments.translate:Translate",
    "Langue/Transcribe-v0": "langue.environments.transcribe:Transcribe",
}
"""Environments of texts that Gymnasium makes as well."""

TOKENS = "Langue/Tokens-v0"

OTHERS = {
    "gym": "langue.environments.games:named",
    "reasoning-gym": "langue.environments.exercises:Exercises",
    "textarena": "langue.environments.arena:Arena",
}
"""What stands before the colon of another library's environment."""

_PYTHON = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def make(name: str, **settings: Any) -> TextEnvironment:
    """An environment of texts.

    Args:
        name: `Langue/Write-v0`, `Langue/Translate-v0` or `Langue/Transcribe-v0`; `gym:ID` of Gymnasium's,
            `reasoning-gym:TASK`, `textarena:GAME`; or `module:Class`, a `TextEnvironment` or an environment of
            Gymnasium's.
        settings: of its kind.

    Raises:
        LangueError: there is no such environment or setting, or a library is not installed.
    """
    scheme, colon, rest = name.partition(":")
    if name in OWN:
        return fetch(OWN[name])(**settings)
    if scheme in OTHERS and colon:
        return fetch(OTHERS[scheme])(rest, **settings)
    if name == TOKENS:
        raise LangueError(f"{TOKENS} has numbers for actions, and is made by gymnasium.make; name what it stands on")
    if _PYTHON.fullmatch(name):
        return _of_class(name, fetch_named(name, "an environment"), settings)
    known = [*OWN, *(f"{other}:NAME" for other in OTHERS), "module:Class"]
    raise LangueError(f"there is no environment {name}; {hint(name, known)}")


def _of_class(name: str, kind: Callable[..., Any], settings: dict[str, Any]) -> TextEnvironment:
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
