"""Rows as a model learns them: shown before the first step, and kept for the report."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from langue.console import visible
from langue.files import replacing_listed
from langue.report.record import LEARNT
from langue.tasks.training_task import LearntRow

SHOWN_ROWS = 3
"""Rows that are shown."""

LEARNT_STYLE, READ_STYLE = "bold green", "dim"

SHOWN_CHARACTERS = 2000
"""Characters of a row that a terminal shows."""


def stretches(row: LearntRow) -> list[tuple[str, bool]]:
    """Stretches of a row's text, and of each whether it is learnt."""
    pairs = zip(row.tokens, row.is_learnt, strict=True)
    return [("".join(token for token, _ in group), key) for key, group in groupby(pairs, key=lambda pair: pair[1])]


def show_learnt(rows: Sequence[LearntRow]) -> None:
    """Show rows on stderr: what is learnt in colour, the rest dim; without colours, learnt text in brackets."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=getattr(sys.stderr, "rich_proxied_file", sys.stderr), highlight=False)
    legend = Text("the first rows: ").append("learnt" if console.is_terminal else "⟦learnt⟧", LEARNT_STYLE)
    console.print(legend.append(", ").append("read", READ_STYLE))
    for row in rows:
        text, shown = Text(), 0
        for piece, is_learnt in stretches(row):
            piece, shown = visible(piece)[: SHOWN_CHARACTERS - shown], shown + len(piece)
            plain = f"⟦{piece}⟧" if is_learnt and not console.is_terminal else piece
            text.append(plain, LEARNT_STYLE if is_learnt else READ_STYLE)
        console.print(text, soft_wrap=True)


def write_learnt(rows: Sequence[LearntRow], folder: Path) -> None:
    """Keep rows in a run's folder, where its report looks for them."""
    content = json.dumps([stretches(row) for row in rows], ensure_ascii=False) + "\n"
    with replacing_listed(folder) as stage:
        (stage / LEARNT).write_text(content, encoding="utf-8")
