"""A page of what is in data: how much, how long, which labels and languages, what is odd, and examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langue.data.columns import Column, spread
from langue.data.look import Look
from langue.data.look_words import RARE, column_line, headline, languages, warnings
from langue.report.page import render
from langue.wording import duration, short, size

BARS = 24
"""Bars of a picture of lengths."""

LABELS, FEW = 20, 6
"""Labels that have a bar each, and values of other columns that have one."""

SHOWN = 600
"""Characters of an example's value."""


def look_page(seen: Look) -> str:
    """The page of a look at data."""
    return render(
        "look.html",
        title=", ".join(seen.names[:3]) + (" …" if len(seen.names) > 3 else ""),
        lead=headline(seen).removeprefix(f"{seen.names[0]}: "),
        tiles=_tiles(seen),
        columns=[_card(seen, column) for column in seen.columns],
        languages=_languages(seen),
        no_languages=languages(seen),
        warnings=warnings(seen),
        examples=[[(name, _shown(value)) for name, value in row.items()] for row in seen.examples()],
    )


def _tiles(seen: Look) -> list[tuple[str, str]]:
    tiles = [
        (seen.task or "–", "task"),
        (f"{seen.rows:,}", "lines" if seen.kind == "text" else "rows"),
        (short(seen.characters), "characters"),
        (f"{100 * seen.repeated / max(1, seen.rows):.1f} %", "came before"),
        (f"{sum(seen.left_out.records.values()):,}", "left out"),
    ]
    if seen.size:
        tiles.append((size(seen.size), f"in {seen.files:,} file{'s' * (seen.files != 1)}"))
    return [*tiles, (duration(seen.seconds), "of sound")] if seen.seconds else tiles


def _card(seen: Look, column: Column) -> dict[str, Any]:
    """A column's name and words, and bars of its labels or of its lengths."""
    ours = {theirs: ours for ours, theirs in seen.layout.columns.items()} if seen.layout else {}
    lengths = column.items or column.words
    is_label = column.kind == "label"
    return {
        "name": column.name,
        "read_as": ours.get(column.name, ""),
        "line": column_line(seen, column, shares=False),
        "shares": _shares(column, LABELS if ours.get(column.name) == "label" else FEW) if is_label else [],
        "bars": _bars(lengths) if lengths and column.kind in ("text", "list", "messages") else None,
        "unit": "items" if column.items else "words",
    }


def _shares(column: Column, most: int) -> list[tuple[str, float, float]]:
    """Labels with their shares in hundredths, of all and of the greatest, the most frequent first."""
    counts = column.counts.most_common(most)
    return [
        (label, round(100 * count / column.filled, 1), round(100 * count / counts[0][1], 1)) for label, count in counts
    ]


def _bars(lengths: Sequence[int]) -> dict[str, Any]:
    """The number of values of each length, up to that which 95 of 100 do not exceed; the last bar has the others.

    Heights are in hundredths of the highest.
    """
    most = int(spread(lengths)["most"])
    width = max(1, -(-(most + 1) // BARS))
    counts = [0] * (most // width + 2)
    for length in lengths:
        counts[min(length // width, len(counts) - 1)] += 1
    highest = max(counts)
    return {"heights": [round(100 * count / highest, 1) for count in counts], "least": 0, "most": most}


def _languages(seen: Look) -> list[tuple[str, list[tuple[str, float]]]]:
    """By column, languages with their shares in hundredths."""
    return [
        (name, [(code, round(100 * share, 1)) for code, share in list(shares.items())[:6] if share >= RARE])
        for name, shares in (seen.languages() or {}).items()
    ]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
