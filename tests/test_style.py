"""Rules of the house that no linter knows: names are unique and say what a thing is, and so do docstrings."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import langue

SOURCES = {path: ast.parse(path.read_text()) for path in sorted(Path(langue.__file__).parent.rglob("*.py"))}

PARTICIPLES = {"found", "told", "asked", "given", "said"}
"""Words that say what was done with a thing, and not what it is."""

QUESTIONS = ("What", "Which", "Whether", "How", "Where", "When", "Of")
"""Words that no docstring begins with: it says what the thing is."""


def test_class_names_are_unique():
    places = defaultdict(list)
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.name}:{node.lineno}")
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_names_say_what_a_thing_is():
    assert not [
        f"{path}:{line} {name}"
        for path, tree in SOURCES.items()
        for name, line in names(tree)
        if PARTICIPLES & set(name.lower().split("_"))
    ]


def test_docstrings_begin_with_what_a_thing_is():
    assert not [
        f"{path}:{node.lineno} {node.value.value:.40}"
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if str(node.value.value).split()[:1] and str(node.value.value).split()[0].rstrip(",.:") in QUESTIONS
    ]


ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_page_of_architecture_shows_the_layers_that_are_held():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [{name.removeprefix("langue.") for name in line.split(" | ")} for line in contracts[0]["layers"]]
    table = PAGE.partition("| room |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table] == layers


def test_files_that_the_page_of_architecture_names_exist():
    paths = set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|md))`", PAGE))
    assert len(paths) > 50
    assert not [path for path in paths if not (ROOT / path).is_file() and not (ROOT / "src/langue" / path).is_file()]


def names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a file gives to variables, attributes, parameters, functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
