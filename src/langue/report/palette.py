"""The colours of every picture and page, once for the day and once for the night."""

from __future__ import annotations

import re

# name: (by day, by night). No two names share a colour by day, because `with_variables` tells names by it.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#fbfaf6", "#14161a"),
    "card": ("#fffffe", "#1c1f25"),
    "ink": ("#20242a", "#e9e7e1"),
    "muted": ("#656a73", "#9aa0aa"),
    "line": ("#e3e0d8", "#31363e"),
    "train": ("#8796ab", "#7d8ba0"),
    "dev": ("#c2432a", "#f3866b"),
    "gold": ("#9a6a08", "#e0b252"),
    "violet": ("#7655bb", "#b7a0ec"),
    "green": ("#1a7a5c", "#5fc6a3"),
    "blue": ("#2b6cb0", "#76b1ec"),
    "rose": ("#b83b7b", "#ee8fbd"),
    "teal": ("#0f7480", "#58c4cf"),
    "olive": ("#66731a", "#b9c65e"),
}

SERIES = ("gold", "violet", "green", "blue", "dev", "teal", "rose", "olive")
"""Colours for things that stand side by side, in the order in which they are given out."""


def day(name: str) -> str:
    """A colour by day, for matplotlib."""
    return COLOURS[name][0]


def stylesheet() -> str:
    """CSS variables `--NAME` for all colours, which follow the reader's choice of day or night."""
    by_day, by_night = (" ".join(f"--{name}: {pair[side]};" for name, pair in COLOURS.items()) for side in (0, 1))
    night = f"@media (prefers-color-scheme: dark) {{ :root {{ {by_night} }} }}"
    return f":root {{ color-scheme: light dark; {by_day} }}\n{night}"


def with_variables(svg: str) -> str:
    """An SVG drawn by day, with each of our colours replaced by its CSS variable."""
    names = {pair[0]: name for name, pair in COLOURS.items()}
    return re.sub("|".join(names), lambda match: f"var(--{names[match[0]]})", svg)
