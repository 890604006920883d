"""The likeliest tokens, found in columns, are those that topk finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.engine.continuations import Continuations, best_tokens, likeliest


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 20_000), st.integers(1, 20), st.integers(0, 1000))
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


def test_a_text_ends_only_among_the_likeliest_continuations():
    """Two hypotheses, width 2: the end of the first is third of all, that of the second last."""
    totals = torch.tensor([[[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0]]], dtype=torch.float64)
    tokens = torch.tensor([[[7, 8, 3], [9, 8, 3]]])
    step = likeliest(Continuations(tokens, totals.float(), totals), 2, ends=[3])
    assert step.live.tokens.tolist() == [[7, 8]]
    assert not bool(step.ended.totals.isfinite().any())
    tokens[0, 0] = torch.tensor([7, 3, 8])
    step = likeliest(Continuations(tokens, totals.float(), totals), 2, ends=[3])
    assert step.live.tokens.tolist() == [[7, 8]]
    assert step.live.totals.tolist() == [[-1.0, -3.0]]
    assert step.ended.totals[step.ended.totals.isfinite()].tolist() == [-2.0]
