"""Texts of several authors, and the rows that are learnt from them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from langue.batch import IGNORE
from langue.written_text import WrittenText, batch_of

PARTS = st.lists(
    st.tuples(st.sampled_from(["model", "environment", "tool"]), st.lists(st.integers(0, 9), min_size=1, max_size=4)),
    max_size=5,
)


def text_of(prompt, parts):
    text = WrittenText().extended(prompt, "prompt")
    for author, ids in parts:
        text = text.extended(ids, author, [-0.5 - number for number in ids] if author == "model" else None)
    return text


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_targets_are_what_models_wrote_each_beside_its_own_log_probability(rows):
    texts = [text_of([7, 7], parts) for parts in rows]
    batch, drawn = batch_of(texts)
    for row, text in enumerate(texts):
        length = len(text.ids) - 1
        assert batch.ids[row, :length].tolist() == list(text.ids[:-1])
        mine = [author == "model" for author in text.authors[1:]]
        expected = [token if own else IGNORE for token, own in zip(text.ids[1:], mine, strict=True)]
        assert batch.targets[row, :length].tolist() == expected
        assert (batch.targets[row, length:] == IGNORE).all()
        logs = [-0.5 - token if own else 0.0 for token, own in zip(text.ids[1:], mine, strict=True)]
        assert drawn[row, :length].tolist() == pytest.approx(logs)
        if batch.valid is not None:
            assert batch.valid[row].tolist() == [place < length for place in range(batch.ids.shape[1])]
    equal = len({len(text.ids) for text in texts}) == 1
    assert (batch.valid is None) == equal
    assert torch.equal(drawn != 0, batch.targets != IGNORE)


def test_who_drew_a_token_says_by_what_probability_and_nobody_else_does():
    with pytest.raises(ValueError, match="a model's tokens"):
        WrittenText().extended([1], "model")
    with pytest.raises(ValueError, match="a model's tokens"):
        WrittenText().extended([1], "tool", [-1.0])
    with pytest.raises(ValueError, match="2 tokens and 1"):
        WrittenText().extended([1, 2], "model", [-1.0])
