"""Columns: the kind that a column is of follows from what stands in it, and lengths are those of its values."""

from __future__ import annotations

from typing import Any

import pytest

from langue.data.columns import Column, spread

SENTENCES = [f"the day number {number} was a fine one, and nobody was surprised by it" for number in range(40)]


def filled(values: list[Any]) -> Column:
    column = Column("it")
    for value in values:
        column.add(value)
    return column


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (SENTENCES, "text"),
        (["good", "bad"] * 20, "label"),
        ([0, 1] * 20, "label"),
        ([1.0, 0.0, None] * 20, "label"),
        (["0", "1", "2", "3"] * 10, "label"),
        ([True, False] * 20, "label"),
        (list(range(40)), "name"),
        ([f"A{number}" for number in range(40)], "name"),
        ([number / 7 for number in range(40)], "number"),
        ([f"{number / 7}" for number in range(40)], "number"),
        ([["a", "b"], ["c"]] * 20, "list"),
        ([[{"role": "user", "content": "Hello"}]] * 20, "messages"),
        ([[{"from": "human", "value": "Hello"}]] * 20, "messages"),
        ([f"clips/{number}.WAV" for number in range(40)], "recording"),
        ([{"array": [0.0], "sampling_rate": 8000}] * 3, "recording"),
        ([None, "", "  ", float("nan")], "nothing"),
        ([*SENTENCES, *SENTENCES, *SENTENCES], "text"),
    ],
)
def test_the_kind_follows_from_the_values(values: list[Any], kind: str) -> None:
    assert filled(values).kind == kind


def test_what_is_missing_is_counted_beside_what_is_there() -> None:
    column = filled(["one", None, "", "two words", float("nan")])
    assert (column.filled, column.missing, column.different) == (2, 3, 2)
    assert column.summary()["words"] == {"least": 1, "median": 1, "most": 2, "greatest": 2, "mean": 1.5}
    assert list(column.characters) == [3, 9]


def test_labels_are_counted_as_they_are_spelt() -> None:
    assert filled([1.0, "1", 1, 0.0]).summary()["values"] == {"1": 3, "0": 1}


def test_several_labels_of_a_row_are_seen() -> None:
    assert filled(["red|green", "red", "green|blue"] * 5).are_lists
    assert not filled(["red", "green"] * 5).are_lists


def test_the_spread_of_a_hundred_numbers() -> None:
    assert spread(range(1, 101)) == {"least": 1, "median": 50, "most": 95, "greatest": 100, "mean": 50.5}
