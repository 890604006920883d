"""The recipes that come with Langue, by name: `langue train shakespeare` reads shakespeare.yaml of this folder."""

from __future__ import annotations

import difflib
import re
import shlex
from pathlib import Path

from langue.errors import LangueError

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "schema.json"
"""The JSON schema of all recipes, by which editors complete and check them."""

YAML = (".yaml", ".yml")

LOOKED_AT = 1 << 16
"""Bytes of a file that are looked at to see whether it may be a recipe."""

_SETTINGS = re.compile(rb"^[\s{]*[\"']?(task|data|model|training|tokenizer)[\"']?\s*:", re.MULTILINE)


def names() -> list[str]:
    """The names of all recipes that come with Langue."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_recipe(source: Path | str) -> Path:
    """The file of a recipe: the file of that path, or else the recipe of that name which comes with Langue.

    Raises:
        LangueError: there is neither, which names the nearest, or the file holds a text and no recipe.
    """
    path = Path(source)
    if path.is_file():
        _refuse_text(path)
        return path
    if str(source) in names():
        return FOLDER / f"{source}.yaml"
    if (path / "recipe.yaml").is_file():
        raise LangueError(f"{path} is a folder; name the recipe in it: {path / 'recipe.yaml'}")
    kind = f"{path} is a folder and no recipe" if path.is_dir() else f"{path} does not exist"
    nearest = difflib.get_close_matches(path.stem, names(), n=3)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(names())}"
    raise LangueError(f"{kind}, and no recipe of this name comes with Langue; {hint}")


def is_recipe(source: Path | str) -> bool:
    """True for the name of a recipe that comes along or the path of a file that may be one, and not for data."""
    path = Path(source)
    if path.suffix.lower() in YAML:
        return True
    if path.is_file():
        return not path.suffix and _may_be_recipe(path)
    return str(source) in names()


def summary(name: str) -> str:
    """The first sentence of the remarks that a recipe which comes along begins with."""
    remarks = []
    for line in (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").split("\n"):
        if not line.startswith("#") or "langue train" in line:
            break
        remarks.append(line.lstrip("# "))
    return re.split(r"[.:;](?: |$)", " ".join(remarks), maxsplit=1)[0]


def _refuse_text(path: Path) -> None:
    """Refuse a file that somebody would rather train on than train by.

    Raises:
        LangueError: names the command that trains on it.
    """
    if path.suffix.lower() not in YAML and not _may_be_recipe(path):
        command = shlex.join(["langue", "train", str(path)])
        raise LangueError(f"{path} is no recipe, but looks like a text; to train on it: {command}")


def _may_be_recipe(path: Path) -> bool:
    """True for a file that is empty or has a recipe's settings in its beginning."""
    with path.open("rb") as file:
        beginning = file.read(LOOKED_AT)
    return not beginning or _SETTINGS.search(beginning) is not None
