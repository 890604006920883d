"""The embedded corpus: English about Python, which every Python brings along, so that a demo needs no download.

It is the language reference that `pydoc` shows (`pydoc_data.topics`) and the docstrings of the standard library.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Tests and other people's packages, which differ from machine to machine.
_SKIPPED = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib", "lib2to3", "ensurepip"}


def embedded_documents() -> Iterator[str]:
    """The topics of the language reference in order of name, then one document of docstrings for each module."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield topics[name].strip() + "\n"
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if not _SKIPPED.intersection(path.relative_to(library).parts):
            text = _docstrings(path)
            if len(text) > 200:
                yield text


def _docstrings(path: Path) -> str:
    """All docstrings of a module in order, read without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ""  # a few library files are broken on purpose, as fixtures of its own tools
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return "\n\n".join(text.strip() for text in found if text) + "\n"
