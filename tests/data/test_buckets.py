"""Buckets: every example once an epoch, little padding, and the same batches whoever asks for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data.buckets import Buckets
from langue.errors import LangueError


def lengths_of(count, seed=0):
    return np.maximum(3, np.random.default_rng(seed).lognormal(3, 0.6, count).astype(np.int64))


def buckets(lengths, seed=0, **options):
    return Buckets([{"number": n} for n in range(len(lengths))], lengths, seed, **{"batch_size": 8, **options})


def numbers(micros):
    return [example["number"] for micro in micros for example in micro.examples]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(8, 400),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(20, 500)),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_an_epoch_asks_for_each_example_once(count, batch_size, tokens, seed, epoch):
    dealt = buckets(lengths_of(count), seed, batch_size=batch_size, batch_tokens=tokens)
    found = [numbers(dealt[step]) for step in range(epoch * dealt.batches, (epoch + 1) * dealt.batches)]
    assert all(found)
    assert sorted(number for batch in found for number in batch) == list(range(count))
    if tokens is None:
        assert max(map(len, found)) <= batch_size


@settings(max_examples=30, deadline=None)
@given(
    st.integers(40, 300), st.integers(2, 4), st.sampled_from([None, 120, 400]), st.integers(1, 2), st.integers(0, 60)
)
def test_ranks_share_what_one_process_sees(count, world, tokens, sides, step):
    options = {"batch_size": 8, "batch_tokens": tokens, "accumulate": 2}
    lengths = pairs_of(count) if sides == 2 else lengths_of(count)
    try:
        ranks = [buckets(lengths, rank=rank, world=world, **options)[step] for rank in range(world)]
    except LangueError:
        return
    whole = buckets(lengths, **options)[step]
    for number, micro in enumerate(whole):
        parts = [rank[number] for rank in ranks]
        assert [e for part in parts for e in part.examples] == list(micro.examples)
        assert [part.first_row for part in parts] == [
            micro.first_row + sum(len(p.examples) for p in parts[:place]) for place in range(world)
        ]


def test_a_batch_is_a_function_of_its_number_alone():
    lengths = lengths_of(1000)
    first, second = buckets(lengths), buckets(lengths)
    forwards = [numbers(first[step]) for step in range(300)]
    backwards = [numbers(second[step]) for step in reversed(range(300))][::-1]
    assert forwards == backwards
    assert forwards != [numbers(buckets(lengths, seed=1)[step]) for step in range(300)]
    assert forwards[:125] != forwards[125:250]


def test_rows_have_numbers_of_their_own():
    dealt = buckets(lengths_of(1003))
    rows = [micro.first_row + n for step in range(252) for micro in dealt[step] for n in range(len(micro.examples))]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("options", [{"batch_size": 16}, {"batch_tokens": 1024}])
def test_less_than_a_twentieth_is_padding(options):
    lengths = lengths_of(8000)
    dealt = buckets(lengths, **options)
    real = padded = 0
    sizes = []
    for step in range(dealt.batches):
        found = lengths[numbers(dealt[step])]
        real += found.sum()
        padded += found.max() * len(found)
        sizes.append(found.max() * len(found))
    assert 1 - real / padded < 0.05
    if "batch_tokens" in options:
        assert np.percentile(sizes, 95) < 1.25 * 1024


def test_too_few_for_all_processes_is_said():
    with pytest.raises(LangueError, match="cannot be shared out among 4 processes"):
        buckets(lengths_of(3), world=4)


def pairs_of(count, seed=0):
    """Lengths of sources and targets as parallel text has them: alike, and now and then very long."""
    draws = np.random.default_rng(seed)
    sources = np.maximum(2, draws.lognormal(2.9, 0.7, count).astype(np.int64))
    return np.minimum(
        128, np.stack([sources, np.maximum(2, (sources * draws.lognormal(0, 0.25, count)).astype(int))], 1)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(8, 400),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(20, 500)),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_an_epoch_asks_for_each_pair_once(count, batch_size, tokens, seed, epoch):
    dealt = buckets(pairs_of(count), seed, batch_size=batch_size, batch_tokens=tokens)
    found = [numbers(dealt[step]) for step in range(epoch * dealt.batches, (epoch + 1) * dealt.batches)]
    assert all(found)
    assert sorted(number for each in found for number in each) == list(range(count))


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_the_pairs_of_a_batch(world):
    options = {"batch_size": 8, "accumulate": 2}
    ranks = [buckets(pairs_of(200), rank=rank, world=world, **options) for rank in range(world)]
    whole = [buckets(pairs_of(200), world=world, **options).members(0, place)[0].tolist() for place in range(25)]
    for step in range(12):
        for micro in range(2):
            dealt = [example["number"] for rank in ranks for example in rank[step][micro].examples]
            assert dealt == whole[2 * step + micro]
            assert len(dealt) >= world


@pytest.mark.parametrize("options", [{"batch_size": 32}, {"batch_tokens": 1024}, {"batch_tokens": 2048}])
def test_less_than_a_twentieth_of_either_side_is_padding(options):
    lengths = pairs_of(20_000)
    dealt = buckets(lengths, **options)
    real, padded, sizes = np.zeros(2), np.zeros(2), []
    for step in range(dealt.batches):
        found = lengths[numbers(dealt[step])]
        real += found.sum(0)
        padded += found.max(0) * len(found)
        sizes.append(found.max(0).sum() * len(found))
    assert (1 - real / padded < 0.05).all()
    if "batch_tokens" in options:
        assert np.percentile(sizes, 95) < 1.25 * options["batch_tokens"]


def test_an_epoch_of_a_mix_is_what_was_picked():
    lengths = pairs_of(100)
    dealt = buckets(lengths, pick=lambda epoch: (np.arange(100) + epoch) // 2 % 100)
    for epoch in range(2):
        found = [n for step in range(dealt.batches) for n in numbers(dealt[epoch * dealt.batches + step])]
        assert sorted(found) == sorted(((np.arange(100) + epoch) // 2 % 100).tolist())
