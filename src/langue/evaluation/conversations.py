"""A decoder measured on conversations: how well it foretells what the assistant says."""

from __future__ import annotations

from typing import Any

import numpy as np

from langue.data import TableDataSettings, Tally
from langue.data.labelled import Labelled, read_labelled, read_rows
from langue.data.sources import find_sources
from langue.errors import as_option
from langue.models.finite import refuse_not_finite
from langue.tasks.chat.evaluate import evaluate_conversations, is_conversation


def holds_conversations(data: Any, settings: TableDataSettings) -> bool:
    """True for a table whose first row is a conversation."""
    if not isinstance(data, str) or any(origin.kind in ("text", "embedded", "store") for origin in find_sources(data)):
        return False
    first = next(iter(read_rows(data, settings)), None)
    return isinstance(first, Labelled) and is_conversation(first.values)


def evaluate_talks(task: Any, data: str, settings: TableDataSettings) -> dict[str, Any]:
    """Counts and metrics of a table of conversations.

    Raises:
        LangueError: a row is none, or too many are longer than the context.
    """
    tally = Tally()
    rows = list(read_labelled(data, settings, tally))
    metrics, tokens = evaluate_conversations(task, rows, tally)
    tally.check([data], settings.max_dropped, as_option)
    refuse_not_finite(np.array([metrics["loss"]]))
    counts = {"examples": len(rows), "conversations": len(rows), "tokens": tokens, "dropped": tally.dropped()}
    return {**counts, "metrics": metrics}
