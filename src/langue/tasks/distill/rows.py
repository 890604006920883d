"""Rows of tables that a teacher answers, and those that are kept from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langue.data.labelled import Labelled, read_split
from langue.data.settings import DataSettings, TableDataSettings


def named(data: DataSettings, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row under the names that the settings have for its columns."""
    return {data.columns.get(name, name): value for name, value in values.items()}


def held_out(
    data: TableDataSettings, values: Callable[[Labelled], Mapping[str, Any]] = lambda row: row.values
) -> list[dict[str, Any]] | None:
    """The rows to evaluate by, where they are a share of the training table or a benchmark's; None where they lie in a
    file of their own.

    Args:
        data: where they are.
        values: of a row, as they are to be kept.
    """
    if not isinstance(data.dev, float) and data.benchmark is None:
        return None
    return [named(data, values(row)) for row in read_split(data, "dev")]
