"""Every command in the README and in the documentation is one that the command line takes.

Tutorials are run from beginning to end (tests/first_hour). The commands of all other pages want models and data that
are not at hand, so they are read as the command line reads them, up to where a verb would begin its work.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from langue.cli import _app, _choose, _take
from langue.cli.fields import complete_resume, gather_fields, read_fields
from langue.cli.verbs import VERBS, Verb
from langue.tasks.fields import recipe_fields

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:srun (?:-\S+ )*)?(langue (?!VERB).*)$")
SYNOPSIS = re.compile(r"[A-Z]+\||\[--|…\]| [a-z]+\|[a-z]+ | \.\.\.$|<[A-Z]")
"""What tells a line that says how commands look from a command."""


def commands() -> list[tuple[str, str]]:
    """Pages and the commands in their blocks."""
    found = []
    for page in PAGES:
        for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind not in ("", "sh", "bash", "text", "console"):
                continue
            for line in block.replace("\\\n", " ").split("\n"):
                match = COMMAND.match(line)
                if match and not SYNOPSIS.search(line) and not is_table(line):
                    found.append((str(page.relative_to(ROOT)), match[1]))
    return found


def is_table(line: str) -> bool:
    """True of a line that explains a verb in two columns."""
    return not line.startswith("$ ") and re.search(r"\S {2,}[a-zA-Z`]", line.split("#")[0]) is not None


def words_of(command: str) -> list[str]:
    """The arguments of a command, up to what is the shell's."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in ("|", ">", ">>", "&", "&&", ";", "2>", "<"):
            break
        words.append(word)
    return words[1:]


@pytest.fixture(scope="module")
def app():
    return _app(VERBS, "langue")


FIELDS = {field.name for field in recipe_fields()}


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_is_taken(page, command, app):
    words, _ = _take("--verify", words_of(command))
    if not words or words[0] in ("--help", "--version", "--install-completion") or "--help" in words:
        return
    chosen = _choose(words[0], VERBS, "langue")
    if not isinstance(chosen, Verb):
        chosen = _choose(words[1], chosen, f"langue {words[0]}")
    if chosen.recipe:
        words = complete_resume(gather_fields(words))
    function, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(function)
    for name in read_fields(bound.arguments.get("changes", ())) if chosen.recipe else ():
        assert any(name == field or name.startswith(f"{field}.") or field.startswith(f"{name}.") for field in FIELDS), (
            name
        )


def test_there_are_many():
    assert len(commands()) > 150
