"""What a cell means to a task, whatever type a format gave it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from langue.data.labelled import Labelled
from langue.data.retrieval_pairs import scores_of, texts_in
from langue.data.values import label_name
from langue.errors import LangueError
from langue.tasks.classify.data import choices_of, labels_of, one_label
from langue.tasks.classify.training import _learnt
from langue.tasks.tag.data import tags_of, words_of


def row(**values: Any) -> Labelled:
    return Labelled("here", values)


@pytest.mark.parametrize("label", [1, 1.0, np.int64(1), np.float32(1), Decimal("1.0"), "1", "1.0", "1.00"])
def test_a_number_is_one_label_in_every_type(label):
    assert one_label(row(label=label)) == "1"


@pytest.mark.parametrize(
    ("label", "name"),
    [(True, "true"), (np.False_, "false"), ("True", "true"), (0.5, "0.5"), ("1.0.0", "1.0.0"), ("1.50", "1.50")],
)
def test_other_labels_keep_their_spelling(label, name):
    assert label_name(label) == name


@pytest.mark.parametrize("label", [None, float("nan"), np.float32("nan"), "", "  ", "NaN"])
def test_nothing_is_no_label(label):
    with pytest.raises(LangueError, match=r"^here: label is empty$"):
        one_label(row(label=label))


@pytest.mark.parametrize("labels", [["a", None], ["a", float("nan")], ["a", ""]])
def test_nothing_is_none_of_several_labels(labels):
    with pytest.raises(LangueError, match=r"^here: one of the labels is empty$"):
        labels_of(row(label=labels))
    with pytest.raises(LangueError, match=r"^here: one of the tags is empty$"):
        tags_of(row(tokens=["x", "y"], tags=labels))


@pytest.mark.parametrize("spelling", ["['a', 'b c']", '["a", "b c"]', "['a' 'b c']", ["a", "b c"]])
def test_a_list_may_be_spelt_where_a_table_has_none(spelling):
    assert labels_of(row(label=spelling)) == ["a", "b c"]
    assert words_of(row(tokens=spelling)) == ["a", "b c"]
    assert tags_of(row(tokens="x y", tags=spelling)) == ["a", "b c"]
    assert choices_of(row(choices=spelling)) == ["a", "b c"]
    assert texts_in(row(anchor="q", positive="p", negatives=spelling), "pairs") == ["q", "p", "a", "b c"]
    with pytest.raises(LangueError, match="label should be one label"):
        one_label(row(label=spelling))


def test_numbers_may_be_spelt_as_a_list_too():
    assert tags_of(row(tokens="x y z", tags="[0 1 2]")) == ["0", "1", "2"]
    assert scores_of(row(scores="[0.5, 2]"), 3) == [0.5, 2]


def test_the_spelling_of_a_list_that_is_cut_is_refused():
    with pytest.raises(LangueError, match=r"^here: tokens is a list that cannot be read: "):
        words_of(row(tokens="['a' 'b' ... 'z']"))


@pytest.mark.parametrize(
    ("labels", "order"),
    [(["10", "9", "-1"], ("-1", "9", "10")), (["²", "1"], ("1", "²")), (["--1", "2"], ("--1", "2"))],
)
def test_labels_stand_in_the_order_of_their_numbers_if_they_are_some(labels, order):
    assert _learnt([row(label=label) for label in labels], "label") == order


def test_a_missing_choice_is_no_text():
    with pytest.raises(LangueError, match=r"^here: one of the choices is empty$"):
        choices_of(row(choice1="a", choice2=None))
