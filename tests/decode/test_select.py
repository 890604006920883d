"""The likeliest tokens, found in columns, are those that topk finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.decode.select import best_tokens


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 20), st.integers(0, 1000))
def test_best_tokens_are_those_of_topk(size, count, seed):
    logits = torch.randn(3, size, generator=torch.Generator().manual_seed(seed))
    values, tokens = best_tokens(logits, count)
    expected = logits.topk(min(count, size))
    assert torch.equal(values, expected.values)
    assert torch.equal(logits.gather(1, tokens), expected.values)
    assert all(len(set(row)) == len(row) for row in tokens.tolist())


@pytest.mark.parametrize("count", [1, 5])
def test_what_is_ruled_out_comes_last(count):
    logits = torch.full((2, 1000), float("-inf"))
    logits[:, 999] = 1.0
    values, tokens = best_tokens(logits, count)
    assert tokens[:, 0].tolist() == [999, 999]
    assert bool(values[:, 1:].isinf().all())
