"""The stream of rows is a pure function of seed and row: whoever asks, in whatever portions, from wherever."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data import ArrayRows, Loader, MicroBatch, Mix, Packed, Windows
from langue.data.prepare import prepare
from langue.errors import LangueError

CONTEXT = 16
STREAMS = {
    "windows": lambda store: Windows(store, CONTEXT, 3),
    "masked windows": lambda store: Windows(store, CONTEXT, 3, document_mask=True),
    "packed": lambda store: Packed(store, CONTEXT, 3),
    "mix": lambda store: Mix([Windows(store, CONTEXT, 3), Windows(store, CONTEXT, 4)], [0.7, 0.3], 3),
}


def seen(loaders: list[Loader], steps: range) -> dict[int, list[int]]:
    """Ids by the number of their row, of all ranks."""
    found: dict[int, list[int]] = {}
    for loader in loaders:
        for step in steps:
            for micro in loader[step]:
                for place, example in enumerate(micro.examples):
                    assert micro.first_row + place not in found
                    found[micro.first_row + place] = example["ids"].tolist()
    return found


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=15, deadline=None)
@given(step=st.integers(0, 10**9), batch=st.sampled_from([4, 8, 12]), accumulate=st.integers(1, 3))
def test_any_number_of_ranks_sees_the_same_rows(numbered_store, name, step, batch, accumulate):
    stream, steps = STREAMS[name](numbered_store), range(step, step + 2)
    alone = seen([Loader(stream, batch, accumulate)], steps)
    assert sorted(alone) == list(range(step * batch * accumulate, (step + 2) * batch * accumulate))
    for world in (2, 4):
        shared = [Loader(STREAMS[name](numbered_store), batch, accumulate, rank, world) for rank in range(world)]
        assert seen(shared, steps) == alone


@pytest.mark.parametrize("name", STREAMS)
def test_portions_make_no_difference(numbered_store, name):
    whole = {row: example["ids"].tolist() for row, example in enumerate(STREAMS[name](numbered_store).rows(0, 96))}
    for batch, accumulate in [(1, 96), (96, 1), (8, 4), (32, 3)]:
        steps = range(96 // (batch * accumulate))
        assert seen([Loader(STREAMS[name](numbered_store), batch, accumulate)], steps) == whole


@pytest.mark.parametrize("name", STREAMS)
def test_resuming_anywhere_goes_on_with_the_same_rows(numbered_store, name):
    through = Loader(STREAMS[name](numbered_store), 8)
    went = [through[step][0].stack("ids") for step in range(300)]
    for start in (1, 17, 128, 299):
        fresh = Loader(STREAMS[name](numbered_store), 8)
        assert np.array_equal(fresh[start][0].stack("ids"), went[start])


def test_ranks_get_stretches_of_each_micro_batch(numbered_store):
    stream = Windows(numbered_store, CONTEXT, 0)
    firsts = [[micro.first_row for micro in Loader(stream, 8, 2, rank, 4)[5]] for rank in range(4)]
    assert firsts == [[80, 88], [82, 90], [84, 92], [86, 94]]


def test_a_batch_that_cannot_be_shared_out_is_refused(numbered_store):
    with pytest.raises(LangueError, match="batch_size of 6 cannot be shared out among 4"):
        Loader(Windows(numbered_store, CONTEXT, 0), 6, world=4)


def test_all_rows_of_a_micro_batch_are_one_array(numbered_store):
    micro = Loader(Windows(numbered_store, CONTEXT, 0), 4)[0][0]
    ids = micro.stack("ids")
    assert ids.shape == (4, CONTEXT + 1)
    assert ids.dtype == np.int64
    assert all(np.shares_memory(ids, example["ids"]) for example in micro.examples)
    assert [example["ids"].tolist() for example in micro.examples[1:3]] == ids[1:3].tolist()
    assert np.array_equal(MicroBatch(list(micro.examples), 0).stack("ids"), ids)
    assert len(ArrayRows({"ids": ids})) == 4


def test_an_epoch_asks_for_every_window_once(numbered_store):
    windows = Windows(numbered_store, CONTEXT, 0)
    for epoch in range(3):
        starts = windows.starts(np.arange(windows.size) + epoch * windows.size)
        offset = starts.min()
        assert sorted((starts - offset).tolist()) == [CONTEXT * number for number in range(windows.size)]
        assert 0 <= offset < windows.slack
        assert starts.max() + CONTEXT + 1 <= numbered_store.tokens


def test_rows_are_the_tokens_of_their_place(numbered_store):
    windows = Windows(numbered_store, CONTEXT, 0)
    rows = np.arange(3 * windows.size)
    text = numbered_store.read(0, numbered_store.tokens)
    for start, example in zip(windows.starts(rows), windows.take(rows), strict=True):
        assert np.array_equal(example["ids"], text[start : start + CONTEXT + 1])


def test_offsets_and_orders_change_with_seed_and_epoch(numbered_store):
    windows = Windows(numbered_store, CONTEXT, 0)
    epochs = [windows.starts(np.arange(windows.size) + epoch * windows.size) for epoch in range(30)]
    assert len({int(starts.min()) for starts in epochs}) > 5
    assert len({tuple(np.argsort(starts).tolist()) for starts in epochs}) == 30
    other = Windows(numbered_store, CONTEXT, 1)
    assert not np.array_equal(other.starts(np.arange(windows.size)), epochs[0])


def test_epochs_are_counted(numbered_store):
    stream = Windows(numbered_store, CONTEXT, 0)
    loader = Loader(stream, 4)
    assert [loader.epoch(row) for row in (0, stream.size - 1, stream.size, 5 * stream.size)] == [0, 0, 1, 5]


@pytest.mark.parametrize("tokens", range(CONTEXT + 1, 3 * CONTEXT + 2))
def test_short_corpora_stay_inside(tmp_path, byte_tokenizer, tokens):
    store = prepare([{"text": "x" * (tokens - 1)}], byte_tokenizer, tmp_path / "short")
    windows = Windows(store, CONTEXT, 0)
    starts = windows.starts(np.arange(40))
    assert starts.min() >= 0
    assert starts.max() + CONTEXT + 1 <= tokens
    assert len(windows.rows(0, 40)) == 40


def test_a_corpus_shorter_than_the_context_is_refused(tmp_path, byte_tokenizer):
    store = prepare([{"text": "x" * (CONTEXT - 1)}], byte_tokenizer, tmp_path / "short")
    with pytest.raises(LangueError, match=f"has {CONTEXT} tokens, too few for a context of {CONTEXT}"):
        Windows(store, CONTEXT, 0)


def test_a_mask_numbers_each_tokens_document(numbered_store):
    stream = Windows(numbered_store, CONTEXT, 0, document_mask=True)
    rows = np.arange(stream.size)
    ends = numbered_store.document_ends.tolist()
    for start, example in zip(stream.starts(rows), stream.take(rows), strict=True):
        places = range(start, start + CONTEXT + 1)
        assert example["documents"].tolist() == [sum(end <= place for end in ends) for place in places]
