"""Numbers in words that a reader takes in at a glance."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any


def in_words(metrics: Mapping[str, float]) -> str:
    """{"loss": 1.2, "f1_macro": 0.5} → "loss 1.2000, f1 macro 0.5000"."""
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def counted(count: int, noun: str) -> str:
    """1, "passage" → "1 passage"; 1200, "passage" → "1,200 passages"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def short(value: float) -> str:
    """1234567 → 1.2M: at most three digits and a unit."""
    for size, unit in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 100 else f"{scaled:.3g}{unit}"
    return f"{value:.3g}"


def show(value: Any) -> str:
    """A value as a reader wants it: thousands apart, no needless digits, nothing for null."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 and value.is_integer() else f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(show(part) for part in value) or "–"
    return str(value)


def duration(seconds: float) -> str:
    """25 s, 4 min 10 s, 3 h 12 min, 2 days 4 h."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days {whole % 86400 // 3600} h"


def size(count: float) -> str:
    """Bytes as bytes, KiB, MiB, GiB or TiB."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    place = min(len(units) - 1, max(0, int(math.log2(max(1, count)) // 10)))
    return f"{count / 1024**place:.3g} {units[place]}"


def without_gaps(text: str) -> str:
    """A text without white space around it and with one empty line at most between two others."""
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text.strip())
