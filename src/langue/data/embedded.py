"""The embedded corpus: English about Python, which every Python brings along, so that a demo needs no download.

It is the language reference that `pydoc` shows (`pydoc_data.topics`) and the docstrings of the standard library.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from langue.errors import LangueError

SHORTEST = 200
"""Shorter documents, in characters, hold no more than a line about a module."""

# Tests, other people's packages, which differ from machine to machine, and what is large and holds hardly a docstring.
_SKIPPED = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib", "lib2to3", "ensurepip"}
_SKIPPED |= {"encodings", "pydoc_data"}


_KINDS: dict[type, str] = {
    ast.Module: "module", ast.ClassDef: "class", ast.FunctionDef: "function", ast.AsyncFunctionDef: "function",
}  # fmt: skip


class Docstring(NamedTuple):
    """The docstring of one thing in Python's library."""

    name: str
    """Such as json.JSONDecoder.decode."""
    module: str
    kind: str
    """module, class or function; a method is one."""
    line: int
    text: str


@cache
def embedded_documents() -> tuple[str, ...]:
    """The topics of the language reference, and one document of docstrings for each module.

    They come in an order that looks random and is the same everywhere, so that the end of the corpus, which a recipe
    sets aside, is of the same kind as the rest. Nothing is imported: all is read from the sources, once, since parsing
    them takes seconds.

    Raises:
        LangueError: this Python came without the sources of its library.
    """
    library = Path(sysconfig.get_path("stdlib"))
    with _without_collector():
        texts = _topics(library / "pydoc_data" / "topics.py")
        for path, parts in _modules(library):
            texts["/".join(parts)] = _docstrings(path)
    names = sorted(texts, key=lambda name: hashlib.sha256(name.encode()).digest())
    documents = tuple(texts[name] for name in names if len(texts[name]) > SHORTEST)
    if not documents:
        raise LangueError(f"{library} holds no sources of Python's library; give data of your own as data.train")
    return documents


def embedded_docstrings() -> Iterator[Docstring]:
    """Each docstring of the standard library by itself, read from the sources without importing anything.

    Raises:
        LangueError: this Python came without the sources of its library.
    """
    library = Path(sysconfig.get_path("stdlib"))
    empty = True
    for path, parts in sorted(_modules(library)):
        module = ".".join(parts).removesuffix(".py").removesuffix(".__init__")
        with _without_collector():
            docstrings = list(_read(path, module))
        empty &= not docstrings
        yield from docstrings
    if empty:
        raise LangueError(f"{library} holds no sources of Python's library")


def _modules(library: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for path in library.rglob("*.py"):
        parts = path.relative_to(library).parts
        if not _SKIPPED.intersection(parts):
            yield path, parts


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector walks all the nodes of a syntax tree again and again, which doubles the time of parsing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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
    return "\n\n".join(docstring.text.strip() for docstring in _read(path, "")) + "\n"


def _read(path: Path, module: str) -> Iterator[Docstring]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # a few library files are broken on purpose, as fixtures of its own tools
    yield from _own_and_inner(tree, module, module)


def _own_and_inner(node: ast.AST, name: str, module: str) -> Iterator[Docstring]:
    """Docstrings in the order of the source; expressions hold none and are not looked into."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        line = 1
        if not isinstance(node, ast.Module):
            name, line = f"{name}.{node.name}", node.lineno
        text = ast.get_docstring(node)
        if text:
            yield Docstring(name, module, _KINDS[type(node)], line, text)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler):
            yield from _own_and_inner(child, name, module)
