"""Cells mean the same whatever type a format could give them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from langue.data.values import finite, place_near, truth, unlisted, whole


@pytest.mark.parametrize("value", [12, 12.0, "12", " 12 ", "12.0", np.int8(12), np.float32(12), Decimal("12.0")])
def test_a_whole_number_is_one_in_any_spelling(value):
    assert whole(value) == 12


@pytest.mark.parametrize(
    "value", [None, "", "x", 1.5, "1.5", True, float("nan"), float("inf"), "9" * 400, [1], "1e999"]
)
def test_nothing_else_is_a_whole_number(value):
    assert whole(value) is None


def test_long_numbers_lose_no_digit():
    assert whole("12345678901234567890") == 12345678901234567890


@pytest.mark.parametrize("value", [10**400, "9" * 5000, float("inf"), "nan", None, "x", {}])
def test_a_number_is_finite(value):
    assert finite(value) is None


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([True, "true", "True", 1, 1.0, "1", np.True_, "yes"], True),
        ([False, "False", 0, 0.0, "0", np.False_, "no"], False),
        ([None, "", "x", 2, 0.5, [], "nan"], None),
    ],
)
def test_truth_is_read_in_any_spelling(values, right):
    assert [truth(value) for value in values] == [right] * len(values)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("['a', 'b']", ["a", "b"]),
        ("[\"a\", \"it's 'x' 'y'\"]", ["a", "it's 'x' 'y'"]),
        (str(np.array(["a", "b c"] * 30)), ["a", "b c"] * 30),
        ("[0, 1, 2]", [0, 1, 2]),
        ("[0 1 2]", [0, 1, 2]),
        ("[1.5, 2]", [1.5, 2]),
        ("[]", []),
        ("a b", "a b"),
        ("[sic] a [b]", "[sic] a [b]"),
    ],
)
def test_a_text_may_spell_a_list(text, right):
    assert unlisted(text) == right


@pytest.mark.parametrize("text", ["['a' 'b' ... 'z']", "['a\nb']", "['a', __import__('os').name, 'b']"])
def test_a_list_that_is_cut_or_no_list_of_values_is_refused(text):
    with pytest.raises(ValueError, match="a list that cannot be read"):
        unlisted(text)


def test_the_nearest_occurrence_is_taken_and_none_that_is_far():
    context = "one and one and one"
    assert [place_near(context, "one", start) for start in (0, 3, 5, 9, 17, 21, -1)] == [0, 0, 8, 8, 16, 16, 0]
    assert place_near("a" * 100 + "word", "word", 90) is None
