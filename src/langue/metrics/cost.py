"""The cost of making a model smaller: what it was before and after, and by how much its loss has changed."""

from __future__ import annotations

from langue.settings import Settings

FILE = "cost.json"
"""The file of a run's folder that keeps it."""


class Footprint(Settings):
    """The size and speed of a model."""

    disk: int
    """Bytes of its weights on the disk."""
    memory: int
    """Bytes of its weights in memory."""
    parameters: int
    """Numbers that it is made of, whatever bits each takes."""
    reading: float | None = None
    """Tokens, or hundredths of a second of sound, that it reads in a second; null where there was nothing to read."""
    writing: float | None = None
    """Tokens that it writes in a second, one text at a time; null of one that writes nothing."""


class MeanChange(Settings):
    """Means before and after, and the bounds of 95 % of their difference: the paired bootstrap over rows."""

    unit: str
    """One of what they are means over, such as a token."""
    before: float
    """Mean before."""
    after: float
    """Mean after."""
    difference: float
    """After − before."""
    low: float
    """Lower bound of the difference on other rows of the same kind."""
    high: float
    """Upper bound."""
    p: float
    """Chance of a difference at least as large if the models were equally good."""
    rows: int
    """Rows that were measured on, none of which was calibrated with."""
    targets: int
    """Tokens, or whatever the unit is, that they are means over."""


class Cost(Settings):
    """The cost of making a model of another."""

    source: str
    """Name of the model that it was made of."""
    steps: list[str]
    """Operations, in their order and in words."""
    measured_on: str | None
    """Name of the data that losses are of; null where there were none."""
    calibrated_on: str | None
    """Name of the data by which parts were chosen; null where none were needed."""
    before: Footprint
    """Size and speed of the model that it was made of."""
    after: Footprint
    """Size and speed of what came out."""
    loss: MeanChange | None = None
    """Change of the loss; null where there were no data."""
    accuracy: MeanChange | None = None
    """Change of the share of answers that are right; null where none are simply right or wrong."""
