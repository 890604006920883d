"""The standing of a training: how far it has come, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Mapping

from langue.report.record import Record, number
from langue.wording import duration

BOUNDS = ("step", "seconds", "tokens")
"""The budgets that a row counts, each by its own name, of which that of steps is `steps`."""


def share_done(record: Record) -> float | None:
    """The share of a training that is over, by the bound that is nearest; None where no row counts what bounds it."""
    training = record.recipe.get("training")
    settings = training if isinstance(training, Mapping) else {}
    bounds = {name: number(settings, "steps" if name == "step" else name) for name in BOUNDS}
    shares = [(number(record.done, name) or 0.0) / bound for name, bound in bounds.items() if bound]
    return min(1.0, max(shares)) if shares else None


def standing(record: Record, goes_on: bool) -> str:
    """The same in a sentence; of a training that no longer goes on, how much of its budget it took."""
    share, begun = share_done(record), f"Step {record.step:,}, after {duration(record.seconds)}"
    if share is None:
        return f"{begun}."
    if not goes_on:
        return f"{begun}: {share:.0%}{'' if share == 1 else ' of its budget, and it has ended'}."
    left = f", about {duration(record.seconds * (1 - share) / share)} left" if 0 < share < 1 and record.seconds else ""
    return f"{begun}: {share:.0%}{left}."
