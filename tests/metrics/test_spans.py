"""Entities of BIO tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.metrics.spans import f1_spans, spans


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", set()),
        ("B-PER I-PER O B-LOC", {("PER", 0, 2), ("LOC", 3, 4)}),
        ("B-PER B-PER I-PER", {("PER", 0, 1), ("PER", 1, 3)}),
        ("I-PER I-LOC O I-LOC", {("PER", 0, 1), ("LOC", 1, 2), ("LOC", 3, 4)}),
        ("B-PER-X I-PER-X", {("PER-X", 0, 2)}),
    ],
)
def test_entities_of_a_row(tags, found):
    assert spans(tags.split()) == found


@given(st.lists(st.tuples(st.sampled_from(["PER", "LOC"]), st.integers(0, 2), st.integers(1, 3)), max_size=6))
def test_what_is_written_as_tags_is_read_again(entities):
    tags, written = [], set()
    for kind, gap, length in entities:
        tags += ["O"] * gap
        written.add((kind, len(tags), len(tags) + length))
        tags += [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
    assert spans(tags) == written


def test_an_entity_counts_whole_or_not_at_all():
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "O", "B-ORG"]]
    guess = [["B-PER", "O", "O", "B-LOC"], ["O", "O", "B-LOC"]]
    assert f1_spans(guess, truth) == pytest.approx(2 * 1 / (3 + 3))
    assert f1_spans(truth, truth) == 1.0
    assert f1_spans([["O"]], [["O"]]) == 0.0


def test_mistakes_are_a_sentence():
    with pytest.raises(LangueError, match="'PER' is not a BIO tag"):
        spans(["PER"])
    with pytest.raises(LangueError, match="a row of 2 tokens has 1 predicted tags"):
        f1_spans([["O"]], [["O", "O"]])
    with pytest.raises(LangueError, match="nothing to score"):
        f1_spans([], [])
