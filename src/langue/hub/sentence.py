"""What a sentence-transformers folder says beside its model: which vector stands for a text."""

from __future__ import annotations

import json
from pathlib import Path

from langue.errors import LangueError
from langue.hub.folder import read_json
from langue.nn.classifier import Pooling

MODULES = "modules.json"

POOLINGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
"""Theirs, of which a folder asks for one or several; ours."""


def read_pooling(path: Path) -> Pooling | None:
    """The vector with which a folder's model was trained to represent a text; None where it says nothing of the kind.

    Raises:
        LangueError: a file is damaged, or lies outside the folder.
    """
    if not (path / MODULES).is_file():
        return None
    try:
        modules = json.loads((path / MODULES).read_text(encoding="utf-8"))
        places = [module["path"] for module in modules if module["type"].endswith(".Pooling")]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise LangueError(f"{path / MODULES} is damaged: it does not list modules with path and type") from None
    if len(places) != 1:
        return None
    if Path(places[0]).name != places[0]:
        raise LangueError(f"{path / MODULES} names {places[0]!r}, which is no folder in its own")
    settings = read_json(path / places[0] / "config.json")
    asked = [name for name, value in settings.items() if name.startswith("pooling_mode_") and value is True]
    return POOLINGS.get(asked[0]) if len(asked) == 1 else None
