"""The cost of making a model smaller in words, from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from langue.content import read_json
from langue.metrics.cost import FILE, Cost, MeanChange
from langue.settings import parse
from langue.wording import short, size


class CostRow(NamedTuple):
    """One measure of a model before and after, in words, and as shares of the larger one."""

    name: str
    before: str
    after: str
    change: str
    shares: tuple[float, float]


def cost_rows(cost: Cost) -> list[CostRow]:
    """The measures of a model before and after."""
    before, after = cost.before, cost.after
    rows = [
        _row("on disk", before.disk, after.disk, size),
        _row("in memory", before.memory, after.memory, size),
        _row("parameters", before.parameters, after.parameters, short),
    ]
    if cost.loss is not None:
        rows.append(_change(f"loss per {cost.loss.unit}", cost.loss))
    if cost.accuracy is not None:
        rows.append(_change("accuracy", cost.accuracy))
    speeds = {"read": (before.reading, after.reading), "written": (before.writing, after.writing)}
    for done, (first, second) in speeds.items():
        if first is not None and second is not None:
            rows.append(_row(f"{done} per second", first, second, short))
    return rows


def _change(name: str, mean: MeanChange) -> CostRow:
    change = f"{mean.difference:+.4f} ({mean.low:+.4f} … {mean.high:+.4f})"
    return CostRow(name, f"{mean.before:.4f}", f"{mean.after:.4f}", change, _shares(mean.before, mean.after))


def _row(name: str, before: float, after: float, words: Any) -> CostRow:
    change = f"× {after / before:.2f}" if before else "–"
    return CostRow(name, words(before), words(after), change, _shares(before, after))


def _shares(before: float, after: float) -> tuple[float, float]:
    most = max(abs(before), abs(after)) or 1.0
    return abs(before) / most, abs(after) / most


def read_cost(run: Path) -> Cost | None:
    """The cost that a run's folder keeps, or None.

    Raises:
        LangueError: it is damaged.
    """
    try:
        return parse(Cost, read_json(run / FILE), str(run / FILE))
    except FileNotFoundError:
        return None
