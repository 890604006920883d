"""Packed rows hold every document whole, ask for each of its tokens once, and ask nothing across documents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.batch import IGNORE
from langue.data import Packed
from langue.data.pack import best_fit
from langue.data.part import StorePart
from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.objectives import Causal

CONTEXT = 24


def stretches(example) -> list[list[int]]:
    """The tokens of each document of a row; what fills it up comes as single tokens."""
    cuts = np.flatnonzero(np.diff(example["documents"])) + 1
    return [part.tolist() for part in np.split(example["ids"], cuts)]


def test_every_document_is_in_exactly_one_row(numbered_store):
    packed = Packed(numbered_store, CONTEXT, 0)
    text = numbered_store.read(0, numbered_store.tokens)
    expected = []
    for end, start in zip(numbered_store.document_ends, [0, *numbered_store.document_ends[:-1]], strict=True):
        document = text[max(0, start - 1) : end].tolist()
        expected += [document[i : i + CONTEXT + 1] for i in range(0, len(document) - 1, CONTEXT)]
    found = [part for example in packed.rows(0, packed.size) for part in stretches(example) if len(part) > 1]
    assert sorted(found) == sorted(expected)


def test_each_token_is_asked_for_once_an_epoch(numbered_store):
    packed = Packed(numbered_store, CONTEXT, 0)
    for epoch in (0, 1):
        targets = Causal().batch(packed.rows(epoch * packed.size, packed.size)).targets.numpy()
        asked = np.bincount(targets[targets != IGNORE], minlength=300)
        # All but the first token of all, before which there is nothing.
        text = numbered_store.read(1, numbered_store.tokens - 1)
        assert np.array_equal(asked, np.bincount(text, minlength=300))


def test_without_a_mask_documents_of_a_row_are_one(numbered_store):
    masked, open_ = (Packed(numbered_store, CONTEXT, 0, document_mask=mask) for mask in (True, False))
    for one, other in zip(masked.rows(0, masked.size), open_.rows(0, open_.size), strict=True):
        assert np.array_equal(one["ids"], other["ids"])
        used = CONTEXT + 1 - sum(len(part) == 1 for part in stretches(one))
        assert not other["documents"][:used].any()
        assert len(set(other["documents"][used:].tolist()) | {0}) == CONTEXT + 2 - used


def test_each_epoch_has_an_order_of_its_own(numbered_store):
    packed = Packed(numbered_store, CONTEXT, 0)
    first, second = (packed.rows(epoch * packed.size, packed.size).arrays["ids"] for epoch in (0, 1))
    assert not np.array_equal(first, second)
    assert sorted(first.tolist()) == sorted(second.tolist())


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=80))
def test_rows_never_overflow(lengths):
    rows = best_fit(np.array(lengths), 30)
    filled = np.bincount(rows, weights=lengths)
    assert filled.max() <= 30
    assert filled.min() > 0


def test_best_fit_equals_the_textbook_row_by_row():
    """Against best-fit decreasing written one document at a time, by the number of rows."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = rng.integers(1, 101, 300)
        rows: list[int] = []
        for length in sorted(lengths.tolist(), reverse=True):
            fitting = [(room, place) for place, room in enumerate(rows) if room >= length]
            if fitting:
                rows[min(fitting)[1]] -= length
            else:
                rows.append(100 - length)
        assert best_fit(lengths, 100).max() + 1 == pytest.approx(len(rows), abs=1)


def test_single_tokens_give_no_rows(tmp_path, byte_tokenizer):
    store = prepare([{"text": "a"}], byte_tokenizer, tmp_path / "one")
    assert Packed(store, CONTEXT, 0).size == 1
    with pytest.raises(LangueError, match="nothing to foretell"):
        Packed(StorePart(store, 1, 1, byte_tokenizer), CONTEXT, 0)
