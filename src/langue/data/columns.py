"""Columns of a table by what stands in them: how much of it, how long, how often the same, and of which kind."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from langue.data.records import is_blank
from langue.data.sound_files import SUFFIXES
from langue.data.values import finite, is_missing, label_name, truth, whole

ColumnKind = Literal["text", "label", "name", "number", "list", "messages", "recording", "nothing"]
"""The kinds of columns: texts; values that come again and again; short values of which each comes once, such as numbers
of rows; numbers; lists; lists of messages; recordings; and nothing at all."""

MOST_LABELS = 1_000
"""Different values of a column that may be labels."""

LABEL_CHARACTERS = 60
"""Characters of the longest label."""

NAME_CHARACTERS = 40
"""Characters of the longest value without a space that is taken for a name and no text."""

SHARE = 0.9
"""The share of a column's values that are of a kind which the column is taken for."""


class Column:
    """A column, told about one value after the other.

    Args:
        name: of the column.

    Attributes:
        filled: values that hold something.
        missing: values that hold nothing.
        characters: of each value that is a text.
        words: of each value that is a text.
        items: of each value that is a list.
        counts: how often each value came, as a label is spelt, as long as they are few and short.
    """

    def __init__(self, name: str):
        self.name = name
        self.filled = self.missing = 0
        self.characters, self.words, self.items = array("q"), array("q"), array("q")
        self.counts: Counter[str] = Counter()
        self.least, self.greatest = float("inf"), float("-inf")
        self._forms: Counter[str] = Counter()
        self._seen: set[int] = set()

    def add(self, value: Any) -> None:
        """Take in the value of one more row."""
        if is_missing(value) or (isinstance(value, str) and is_blank(value)):
            self.missing += 1
            return
        self.filled += 1
        if isinstance(value, Sequence) and not isinstance(value, str):
            self.items.append(len(value))
            self._forms["messages" if any(map(_is_message, value)) else "list"] += 1
        elif isinstance(value, Mapping):
            self._forms["recording" if value.keys() & {"array", "bytes", "sampling_rate"} else "mapping"] += 1
        else:
            self._add_plain(value)

    def _add_plain(self, value: Any) -> None:
        """Take in a text, a number or a truth."""
        text = value if isinstance(value, str) else label_name(value)
        self._seen.add(hash(text))
        if len(self.counts) <= MOST_LABELS and len(text) <= LABEL_CHARACTERS:
            self.counts[label_name(value)] += 1
        number = None if isinstance(value, bool | np.bool_) else finite(value)
        if number is not None:
            self._forms["number"] += 1
            self._forms["whole"] += whole(value) is not None
            self.least, self.greatest = min(self.least, number), max(self.greatest, number)
        if isinstance(value, str):
            self._forms["string"] += 1
            self._forms["recording"] += value.lower().endswith(SUFFIXES)
            self._forms["several"] += "|" in value
            self.characters.append(len(value))
            self.words.append(len(value.split()))

    @property
    def different(self) -> int:
        """The number of different values."""
        return len(self._seen)

    @property
    def kind(self) -> ColumnKind:
        """The kind that the column is of."""
        if not self.filled:
            return "nothing"
        for kind in ("messages", "list", "recording"):
            if self._mostly(kind):
                return kind  # type: ignore[return-value]
        if self.repeats:
            return "label"
        if self._mostly("number"):
            return "name" if self._mostly("whole") else "number"
        short = max(self.characters, default=0) <= NAME_CHARACTERS and max(self.words, default=0) <= 1
        return "name" if short else "text"

    @property
    def repeats(self) -> bool:
        """True for short values that come twice and more on average, as labels do."""
        longest = max(self.characters, default=0)
        return bool(self._seen) and 2 * self.different <= self.filled and longest <= LABEL_CHARACTERS and self._are_few

    @property
    def _are_few(self) -> bool:
        return self.different <= MOST_LABELS and (not self._mostly("number") or self._mostly("whole"))

    @property
    def are_lists(self) -> bool:
        """True where a row has several values, as a list or with | between them."""
        return self._mostly("list") or 0 < self._forms["several"] >= self.filled / 10

    @property
    def are_numbers(self) -> bool:
        """True for numbers that are measured and not counted, such as scores."""
        return self._mostly("number") and not self._mostly("whole")

    @property
    def are_truths(self) -> bool:
        """True for nothing but yes and no, true and false, or 1 and 0."""
        return 0 < self.different == len(self.counts) and all(truth(value) is not None for value in self.counts)

    @property
    def are_strings(self) -> bool:
        """True for texts of whatever length."""
        return self._mostly("string")

    def _mostly(self, form: str) -> bool:
        return bool(self.filled) and self._forms[form] >= SHARE * self.filled

    def summary(self) -> dict[str, Any]:
        """The same for a script to read."""
        lengths = {"characters": self.characters, "words": self.words, "items": self.items}
        summary: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "filled": self.filled,
            "missing": self.missing,
            "different": self.different,
            **{name: spread(values) for name, values in lengths.items() if values},
        }
        if self.kind == "label":
            summary["values"] = dict(self.counts.most_common())
        if self.least <= self.greatest and self._mostly("number"):
            summary |= {"least": self.least, "greatest": self.greatest}
        return summary


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value.keys() & {"role", "from"})


def spread(values: Iterable[int]) -> dict[str, float]:
    """The least, the median, the value that 95 of 100 do not exceed, the greatest, and the mean."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "least": ordered[0],
        "median": ordered[last // 2],
        "most": ordered[round(0.95 * last)],
        "greatest": ordered[-1],
        "mean": round(sum(ordered) / len(ordered), 1),
    }
