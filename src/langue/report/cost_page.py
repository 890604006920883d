"""The page of what it cost to make a model smaller."""

from __future__ import annotations

from langue.metrics.cost import Cost, MeanChange
from langue.report.cost import cost_rows
from langue.report.page import render


def cost_page(cost: Cost, name: str) -> str:
    """The HTML of a cost.

    Args:
        cost: what was measured.
        name: of the model that came out.
    """
    rows = cost_rows(cost)
    return render(
        "cost.html",
        title=f"What {name} cost",
        name=name,
        cost=cost,
        verdict="" if cost.loss is None else verdict(cost.loss),
        tiles=[{"name": row.name, "value": row.change.partition(" (")[0]} for row in rows],
        rows=rows,
        interval=None if cost.loss is None else _interval(cost.loss),
    )


def verdict(loss: MeanChange) -> str:
    """The change of the loss in a sentence."""
    amount = f"{abs(loss.difference):.4f} per {loss.unit}"
    if loss.low <= 0 <= loss.high:
        return f"The loss did not change beyond chance: by {loss.difference:+.4f} per {loss.unit}."
    return f"The loss rose by {amount}." if loss.difference > 0 else f"The loss fell by {amount}."


def _interval(loss: MeanChange) -> dict[str, float]:
    """Places of an interval, its middle and of no change, in hundredths of a line that shows them all."""
    low, high = min(loss.low, 0.0), max(loss.high, 0.0)
    room = (high - low) or 1.0
    left, width = low - 0.08 * room, 1.16 * room
    places = {"zero": 0.0, "low": loss.low, "middle": loss.difference, "high": loss.high}
    return {key: round(100 * (value - left) / width, 2) for key, value in places.items()}
