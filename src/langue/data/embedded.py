"""The embedded corpus: English about Python, which every Python brings along, so that a demo needs no download.

It is the language reference that `pydoc` shows (`pydoc_data.topics`) and the docstrings of the standard library.
"""

from __future__ import annotations

import ast
import hashlib
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from langue.errors import LangueError

SHORTEST = 200
"""Shorter documents, in characters, hold no more than a line about a module."""

# Tests and other people's packages, which differ from machine to machine.
_SKIPPED = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib", "lib2to3", "ensurepip"}


def embedded_documents() -> Iterator[str]:
    """The topics of the language reference, and one document of docstrings for each module.

    They come in an order that looks random and is the same everywhere, so that the end of the corpus, which a recipe
    sets aside, is of the same kind as the rest. Nothing is imported: all is read from the sources.

    Raises:
        LangueError: this Python came without the sources of its library.
    """
    library = Path(sysconfig.get_path("stdlib"))
    found: dict[str, Path | str] = dict(_topics(library / "pydoc_data" / "topics.py"))
    for path in library.rglob("*.py"):
        parts = path.relative_to(library).parts
        if not _SKIPPED.intersection(parts):
            found["/".join(parts)] = path
    if not found:
        raise LangueError(f"{library} holds no sources of Python's library; give data of your own as data.train")
    for name in sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest()):
        document = found[name]
        text = _docstrings(document) if isinstance(document, Path) else document
        if len(text) > SHORTEST:
            yield text


def _topics(path: Path) -> dict[str, str]:
    """The one dictionary that the file of topics holds."""
    if not path.is_file():
        return {}
    tree = ast.parse(path.read_bytes())
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    topics = {name: text for table in tables for name, text in ast.literal_eval(table).items()}
    return {name: text.strip() + "\n" for name, text in topics.items()}


def _docstrings(path: Path) -> str:
    """All docstrings of a module in order, read without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ""  # a few library files are broken on purpose, as fixtures of its own tools
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return "\n\n".join(text.strip() for text in found if text) + "\n"
