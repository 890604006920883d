"""Denoising: what was spoilt can be mended, as much is spoilt as was asked, and draws follow from the row alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.batch import IGNORE
from langue.randomness import RowRandomness, numpy_generator
from langue.tasks.denoise.objective import (
    DenoiseObjective,
    corrupt_spans,
    cut_in_two,
    first_sentinel,
    infill,
    permute_sentences,
    vocabulary,
)
from langue.tasks.denoise.settings import DenoiseSettings
from langue.text import TokenizerSettings, train_tokenizer

TOKENIZER = train_tokenizer(TokenizerSettings(kind="byte"), [])
FIRST, SENTINELS, MASK = 400, 60, 5

rows = st.lists(st.integers(10, 255), min_size=2, max_size=200).map(lambda ids: np.array(ids, np.int64))


def mended(source: Sequence[int], target: Sequence[int], first: int, sentinels: int) -> list[int]:
    """The text that span corruption was done to."""
    stretches: dict[int, list[int]] = {}
    current: list[int] = []
    for token in target:
        if first - sentinels < token <= first:
            current = stretches.setdefault(token, [])
        else:
            current.append(token)
    return [token for place in source for token in stretches.get(place, [place])]


@settings(max_examples=200, deadline=None)
@given(rows, st.floats(0.05, 0.9), st.floats(1, 8), st.integers(0, 9))
def test_span_corruption_is_mended(ids, rate, mean_span, seed):
    source, target = corrupt_spans(ids, numpy_generator(seed), rate, mean_span, FIRST, SENTINELS)
    assert mended(source.tolist(), target.tolist(), FIRST, SENTINELS) == ids.tolist()
    told = [token for token in target.tolist() if token < 256]
    assert len(told) == min(max(round(len(ids) * rate), 1), len(ids) - 1)
    spans = [token for token in source.tolist() if token > 256]
    assert spans == [FIRST - number for number in range(len(spans))]
    assert spans == [token for token in target.tolist() if token > 256]
    assert source[0] < 256


def test_spans_have_the_published_rate_and_mean():
    ids = np.arange(10, 250)
    found = [corrupt_spans(ids, numpy_generator(n), 0.15, 3.0, FIRST, SENTINELS)[1] for n in range(50)]
    assert {sum(target < 256) for target in found} == {36}
    assert {sum(target > 256) for target in found} == {12}
    lengths = [len(run) for target in found for run in np.split(target, np.flatnonzero(target > 256))[1:]]
    assert min(lengths) == 2
    assert max(lengths) > 8


@settings(max_examples=200, deadline=None)
@given(rows, st.floats(0.05, 0.9), st.floats(1, 8), st.integers(0, 9))
def test_infilling_keeps_what_it_does_not_hide(ids, rate, mean_span, seed):
    source = infill(ids, numpy_generator(seed), rate, mean_span, MASK)
    kept = source[source != MASK]
    assert len(kept) == len(ids) - min(round(len(ids) * rate), len(ids) - 1)
    # Masks stand for stretches: what stands between two of them is a stretch of the text, in order.
    place, text = 0, ids.tolist()
    for number, run in enumerate(np.split(source, np.flatnonzero(source == MASK))):
        piece = run[run != MASK].tolist()
        while text[place : place + len(piece)] != piece:
            assert number
            place += 1
        place += len(piece)
    assert place <= len(ids)


@settings(max_examples=50, deadline=None)
@given(rows, st.integers(0, 9))
def test_a_prefix_and_the_rest_are_the_text(ids, seed):
    source, target = cut_in_two(ids, numpy_generator(seed))
    assert len(source)
    assert len(target)
    assert np.concatenate([source, target]).tolist() == ids.tolist()


def test_sentences_change_places_whole():
    ends = np.zeros(256, bool)
    ends[20] = True
    ids = np.array([11, 12, 20, 13, 20, 14, 15, 20])
    found = {tuple(permute_sentences(ids, ends, numpy_generator(seed)).tolist()) for seed in range(60)}
    pieces = [(11, 12, 20), (13, 20), (14, 15, 20)]
    assert found == {a + b + c for a in pieces for b in pieces for c in pieces if len({a, b, c}) == 3}


@pytest.mark.parametrize("kind", ["spans", "prefix", "infill"])
def test_a_rows_draws_are_its_own(kind):
    objective = DenoiseObjective(TOKENIZER, DenoiseSettings(kind=kind, permute=True), start=3)
    examples = [{"ids": np.arange(10 + n, 60 + n)} for n in range(4)]
    whole = objective.batch(examples, RowRandomness(7, 100))
    alone = objective.batch(examples[2:3], RowRandomness(7, 102))
    assert whole.targets is not None
    assert alone.targets is not None
    for both, single in ((whole.source[2], alone.source[0]), (whole.targets[2], alone.targets[0])):
        assert both[: len(single)].tolist() == single.tolist()
    other = objective.batch(examples[2:3], RowRandomness(8, 102))
    assert not (alone.source.shape == other.source.shape and bool((alone.source == other.source).all()))
    target = whole.targets[0][whole.targets[0] != IGNORE]
    assert int(target[-1]) == TOKENIZER.end
    assert whole.ids[0, : len(target)].tolist() == [3, *target[:-1].tolist()]


def test_sentinels_are_numbers_that_no_text_becomes():
    told = DenoiseSettings(sentinels=10)
    assert vocabulary(TOKENIZER, told) == TOKENIZER.vocab_size + 10
    assert first_sentinel(TOKENIZER, told) == TOKENIZER.vocab_size + 9
    batch = DenoiseObjective(TOKENIZER, told, 3).batch([{"ids": np.arange(10, 250)}], RowRandomness(0, 0))
    assert int(batch.source.max()) == TOKENIZER.vocab_size + 9
    assert int(batch.source[batch.source >= TOKENIZER.vocab_size].min()) >= TOKENIZER.vocab_size
