"""Words on the command line about the sources of a training."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from langue.console import say
from langue.recipes import YAML
from langue.remote import bare

if TYPE_CHECKING:
    from langue.data.look import Look


def name_of(sources: Sequence[str]) -> str:
    """The name of a run: that of its recipe, or of the data that it learns from."""
    path = Path(bare(sources[0]).partition(":")[0])
    named = path.parent if path.suffix in YAML and path.stem == "recipe" else path
    return named.absolute().name.partition(".")[0].replace("*", "all") or "run"


def ask_columns(seen: Look) -> Mapping[str, str]:
    """The answers, on a terminal, to which columns of data are meant where several may be."""
    if seen.layout is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return {}
    return {ours: _ask(seen, ours, others) for ours, others in seen.layout.others.items()}


def _ask(seen: Look, ours: str, others: Sequence[str]) -> str:
    """Ask on a terminal which column is meant."""
    from langue.data.look_words import labels, lengths

    assert seen.layout is not None
    columns = [seen.layout.columns[ours], *others]
    say(f"{seen.names[0]}: the column of the {ours} may be")
    for number, name in enumerate(columns, 1):
        column = seen.column(name)
        say(f"  {number}  {name}: {labels(column) if column.kind == 'label' else lengths(column)}")
    while True:
        print(f"number or name [1, {columns[0]}]: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip() or "1"
        if answer in columns:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(columns):
            return columns[int(answer) - 1]
