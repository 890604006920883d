"""Checks that every metric makes of its two columns: something is in them, and as much in one as in the other."""

from __future__ import annotations

from collections.abc import Sized

import numpy as np

from langue.errors import LangueError


def check_columns(predicted: Sized, expected: Sized) -> None:
    """Raise where there is nothing to score, or not one prediction for each example.

    Raises:
        LangueError: says the numbers.
    """
    if len(predicted) != len(expected):
        raise LangueError(f"there are {len(predicted)} predictions for {len(expected)} examples; give one for each")
    if not len(expected):
        raise LangueError("there is nothing to score: no predictions and no examples")


def check_numbers(what: str, values: object) -> np.ndarray:
    """Numbers of any shape as float64, none of which is NaN: an order or a test of such would mean nothing.

    Raises:
        LangueError: some are; says how many.
    """
    numbers = np.asarray(values, np.float64)
    if count := int(np.isnan(numbers).sum()):
        raise LangueError(
            f"{count:,} of {numbers.size:,} {what} are not numbers (NaN), so that nothing can be said of them"
        )
    return numbers
