"""The cached step and the full pass agree, however the positions are split, and whatever happens to the rows."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from variants import CAUSAL, assert_close, batch_of, model_of, other_ids, precise_model_of, random_ids

from langue.batch import Batch
from langue.kernels import dot_product
from langue.models import Model
from langue.nn.state import RowIndex, State

LENGTH = 5
# Every way to cut five positions into pieces: each of the four places between them is cut or not.
SPLITS = [
    [0, *(place for place in range(1, LENGTH) if cuts & 1 << (place - 1)), LENGTH] for cuts in range(2 ** (LENGTH - 1))
]


def consume(model: Model, state: State, batch: Batch, split: list[int]) -> Tensor:
    """Logits of a batch whose positions are given piece by piece."""
    pieces = []
    for start, end in pairwise(split):
        valid = None if batch.valid is None else batch.valid[:, start:end]
        pieces.append(model(Batch(batch.ids[:, start:end], valid=valid), state))
    return torch.cat(pieces, 1)


def left_padding(width: int, *lengths: int) -> Tensor:
    """(rows, width) bool, False on the left of rows of the given lengths."""
    return torch.arange(width) >= width - torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_any_split_equals_the_full_pass(variant: str) -> None:
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(2, LENGTH))
    full = model(batch)
    for split in SPLITS:
        state = model.start(batch)
        assert_close(consume(model, state, batch, split), full)
        assert state.length == LENGTH


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_any_split_of_padded_rows_equals_each_row_alone(variant: str) -> None:
    model = precise_model_of(variant)
    # The second row's first pieces are padding through and through in many of the splits.
    lengths = (LENGTH, 2, 4)
    valid = left_padding(LENGTH, *lengths)
    batch = batch_of(model, random_ids(3, LENGTH), valid=valid)
    alone = [
        model(
            Batch(
                batch.ids[row : row + 1, LENGTH - length :],
                source=None if batch.source is None else batch.source[row : row + 1],
            )
        )[0]
        for row, length in enumerate(lengths)
    ]
    for split in SPLITS:
        logits = consume(model, model.start(batch), batch, split)
        for row, length in enumerate(lengths):
            assert_close(logits[row, LENGTH - length :], alone[row])


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_padding_may_come_first_and_be_forgotten(variant: str) -> None:
    """A prompt is padded, the tokens generated after it are not and bring no `valid` of their own."""
    model = precise_model_of(variant)
    valid = left_padding(LENGTH, LENGTH, 2)
    ids, more = random_ids(2, LENGTH), random_ids(2, 4, seed=5)
    batch = batch_of(model, ids, valid=valid)
    state = model.start(batch)
    model(batch, state)
    continued = consume(model, state, Batch(more), [0, 1, 3, 4])
    source = None if batch.source is None else batch.source[1:]
    alone = model(Batch(torch.cat([ids[1:, LENGTH - 2 :], more[1:]], 1), source=source))
    assert_close(continued[1], alone[0, 2:])


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_select_reorders_and_repeats_rows(variant: str, padded: bool) -> None:
    model = precise_model_of(variant)
    ids, more = random_ids(3, LENGTH), random_ids(4, 3, seed=5)
    source, source_valid = None, None
    if model.config.form == "seq2seq":
        source = random_ids(3, 5, seed=6)
        source_valid = torch.arange(5) < torch.tensor([[5], [2], [4]]) if padded else None
    valid = left_padding(LENGTH, LENGTH, 2, 4) if padded else None
    batch = Batch(ids, valid=valid, source=source, source_valid=source_valid)
    rows = torch.tensor([2, 0, 0, 1])

    state = model.start(batch)
    model(batch, state)
    state.select(rows)
    selected = consume(model, state, Batch(more), [0, 1, 3])

    twin = Batch(
        ids[rows],
        valid=None if valid is None else valid[rows],
        source=None if source is None else source[rows],
        source_valid=None if source_valid is None else source_valid[rows],
    )
    state = model.start(twin)
    model(twin, state)
    assert_close(selected, consume(model, state, Batch(more), [0, 1, 3]))


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_selected_rows_do_not_share_what_they_remember(variant: str) -> None:
    """A repeated row that goes on differently leaves its twin alone: hypotheses of one beam."""
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(1, LENGTH))
    together = model.start(batch)
    model(batch, together)
    together.select(torch.tensor([0, 0]))
    mine = random_ids(1, 3, seed=5)
    both = consume(model, together, Batch(torch.cat([mine, other_ids(mine)])), [0, 1, 2, 3])
    by_itself = model.start(batch)
    model(batch, by_itself)
    assert_close(both[:1], consume(model, by_itself, Batch(mine), [0, 1, 2, 3]))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_rows_that_share_equal_their_own_full_passes(
    variant: str, padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that share a beginning and a source part, die out, and leave with their source: hypotheses of a beam."""
    monkeypatch.setattr(dot_product, "FEW", 2)  # so that three positions at once are copied together to be looked at
    model = precise_model_of(variant)
    ids = random_ids(3, LENGTH)
    valid = left_padding(LENGTH, LENGTH, 2, 4) if padded else None
    source = random_ids(3, 5, seed=6) if model.config.form == "seq2seq" else None
    state = model.start(Batch(ids, valid=valid, source=source))
    model(Batch(ids, valid=valid), state)
    texts, owners, width = ids, torch.arange(3), 1
    draws = torch.Generator().manual_seed(7)
    steps = [([0, 1, 2], 1), ([2, 0, 1], 2), ([0, 1, 2], 1), ([0, 2], 1), ([1, 0], 3), ([0, 1], 1), ([1], 1)]
    for step, (sources, pieces) in enumerate(steps):
        sources = torch.tensor(sources)
        parents = torch.randint(width, (len(sources), 2), generator=draws) if step % 4 else torch.zeros(len(sources), 2)
        rows = (sources[:, None] * width + parents.long()).flatten()
        state.select(rows, sources)
        new = random_ids(len(rows), pieces, seed=step)
        logits = model(Batch(new), state)
        texts, owners, width = torch.cat([texts[rows], new], 1), owners[rows], 2
        for row, owner in enumerate(owners.tolist()):
            begin = int((~valid[owner]).sum()) if valid is not None else 0
            alone = Batch(texts[row : row + 1, begin:], source=None if source is None else source[owner : owner + 1])
            assert_close(logits[row], model(alone)[0, -pieces:])


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_sources_are_shared_by_as_many_rows_as_there_are(variant: str) -> None:
    """One row of a source, three of another; others join, and some leave."""
    model = precise_model_of(variant)
    ids, more = random_ids(2, LENGTH), random_ids(1, 3, seed=2)
    sources = [None, None] if model.config.form != "seq2seq" else [random_ids(2, 5, seed=6), random_ids(1, 4, seed=7)]
    state, other = model.start(Batch(ids, source=sources[0])), model.start(Batch(more, source=sources[1]))
    model(Batch(ids), state)
    model(Batch(more), other)
    rows = torch.tensor([1, 0, 0, 0])
    state.select(rows, torch.tensor([1, 0]), [1, 3])
    other.select(torch.tensor([0, 0]), torch.tensor([0]), [2])
    state.join(other, [1, 3, 2])
    texts = [*ids[rows], *more.expand(2, -1)]
    about = [None] * 6 if sources[0] is None else [*sources[0][rows], *sources[1].expand(2, -1)]
    for step, (kept, left, counts) in enumerate(
        [([0, 1, 2, 3, 4, 5], [0, 1, 2], [1, 3, 2]), ([5, 4, 2, 1], [2, 1], [2, 2]), ([1, 3, 3], [0, 1], [1, 2])]
    ):
        state.select(torch.tensor(kept), torch.tensor(left), counts)
        new = random_ids(len(kept), 1 + step % 2, seed=10 + step)
        texts = [torch.cat([texts[row], new[place]]) for place, row in enumerate(kept)]
        about = [about[row] for row in kept]
        logits = model(Batch(new), state)
        for place, (text, source) in enumerate(zip(texts, about, strict=True)):
            alone = model(Batch(text[None], source=None if source is None else source[None]))
            assert_close(logits[place], alone[0, -new.shape[1] :])


@torch.no_grad()
def test_what_was_given_encoded_stays_as_it_is() -> None:
    model = precise_model_of("seq2seq:attention-rotary")
    encoded = torch.randn(3, 4, model.config.width, dtype=torch.float64)
    before = encoded.clone()
    state = model.start(Batch(random_ids(3, 2), encoded=encoded))
    model(Batch(random_ids(3, 2)), state)
    state.select(torch.tensor([0, 2]))
    assert torch.equal(encoded, before)


@torch.no_grad()
def test_what_was_given_up_makes_room_for_what_is_new() -> None:
    """One of two hypotheses always dies: there is room for the other's text, the newest two tokens, and no more."""
    model = precise_model_of("decoder:attention-rotary")
    state = model.start(Batch(random_ids(3, LENGTH)))
    model(Batch(random_ids(3, LENGTH)), state)
    state.select(torch.tensor([0, 0, 1, 1, 2, 2]), torch.arange(3))
    for step in range(20):
        model(Batch(random_ids(6, 1, seed=step)), state)
        assert state.page_table is not None
        assert state.page_table.slots.shape == (6, LENGTH + step + 1)
        assert state.page_table.count == 3 * (LENGTH + step + 2)
        state.select(torch.tensor([1, 1, 2, 2, 5, 5]), torch.arange(3))


@torch.no_grad()
def test_a_source_that_leaves_moves_no_other_than_the_one_that_takes_its_place() -> None:
    x = torch.randn(5, 2)
    before, same = x.clone(), x.data_ptr()
    left = RowIndex(torch.tensor([0, 4, 2, 3])).within(x)
    assert left.data_ptr() == same
    assert torch.equal(left, before[[0, 4, 2, 3]])
    assert torch.equal(RowIndex(torch.tensor([3, 2, 1, 0])).within(left), before[[3, 2, 4, 0]])
    assert torch.equal(RowIndex(torch.tensor([0, 0, 1, 1, 2])).within(left), before[[0, 0, 4, 4, 2]])


@pytest.mark.parametrize(
    ("numbers", "count", "all_of_them"), [([0, 1, 2], 3, True), ([0, 1], 3, False), ([0, 2, 1], 3, False)]
)
def test_all_owners_in_their_order_are_known_as_such(numbers: list[int], count: int, all_of_them: bool) -> None:
    assert RowIndex(torch.tensor(numbers)).are_all(count) is all_of_them


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_rows_of_other_ages_join(variant: str) -> None:
    """Rows that have come less far, or farther, about sources of other lengths, and go on in steps side by side."""
    model = precise_model_of(variant)
    texts, sources, states = [], [], []
    for number, (length, size) in enumerate([(2, 5), (LENGTH, 3), (3, 6)]):
        ids, valid = random_ids(2, length, seed=number), left_padding(length, length, length - 1)
        source = random_ids(2, size, seed=6 + number) if model.config.form == "seq2seq" else None
        state = model.start(Batch(ids, source=source))
        model(Batch(ids, valid=valid), state)
        state.select(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1]))
        texts += [ids[0], ids[0], ids[1, 1:], ids[1, 1:]]
        sources += [None] * 4 if source is None else [source[:1], source[:1], source[1:], source[1:]]
        states.append(state)
    together = states[0]
    for step, other in enumerate(states[1:]):
        together.join(other)
        for piece in (1, 2):
            new = random_ids(4 * (step + 2), piece, seed=10 * step + piece)
            logits = model(Batch(new), together)
            texts[: len(new)] = [torch.cat(pair) for pair in zip(texts, new, strict=False)]
            for row in range(len(new)):
                alone = model(Batch(texts[row][None], source=sources[row]))
                assert_close(logits[row], alone[0, -piece:])
    # The oldest leave; when others join, what was padding beside them goes.
    together.select(torch.tensor([3, 2, 8, 9]), torch.tensor([1, 4]))
    ids, source = random_ids(1, 2, seed=40), None if sources[0] is None else random_ids(1, 2, seed=41)
    other = model.start(Batch(ids, source=source))
    model(Batch(ids), other)
    other.select(torch.tensor([0, 0]), torch.tensor([0]))
    together.join(other)
    new = random_ids(6, 1, seed=50)
    logits = model(Batch(new), together)
    rows = [(texts[row], sources[row]) for row in (3, 2, 8, 9)] + [(ids[0], source)] * 2
    for place, (text, about) in enumerate(rows):
        alone = model(Batch(torch.cat([text, new[place]])[None], source=about))
        assert_close(logits[place], alone[0, -1:])
    assert together.length == max(len(text) for text, _ in rows) + 1


def shared(model: Model, ids: Tensor) -> State:
    """Of each text that has been read, two rows."""
    state = model.start(Batch(ids))
    model(Batch(ids), state)
    sources = torch.arange(len(ids))
    state.select(sources.repeat_interleave(2), sources)
    return state


@torch.no_grad()
def test_padding_beside_those_who_join_is_nobody_elses() -> None:
    """A text whose numbers overflowed harms none but itself."""
    model = precise_model_of("decoder:attention-rotary")
    broken = model.embedding.table.weight
    broken[5] = float("nan")
    state = shared(model, torch.tensor([[5, 5], [1, 2]]))
    state.join(shared(model, torch.tensor([[1, 2, 3, 4]])))
    logits = model(Batch(torch.ones(6, 1, dtype=torch.long)), state)
    others = [token for token in range(logits.shape[2]) if token != 5]  # the head's weights are the embedding's
    assert logits[:, 0, others].isnan().any(1).tolist() == [True, True, False, False, False, False]


@torch.no_grad()
def test_rows_that_share_in_bf16() -> None:
    """Which are not looked up but copied together."""
    model = precise_model_of("decoder:attention-grouped").bfloat16()
    ids, new = random_ids(3, LENGTH), random_ids(6, 1)
    logits = model(Batch(new), shared(model, ids))
    alone = model(Batch(torch.cat([ids.repeat_interleave(2, 0), new], 1)))[:, -1:]
    torch.testing.assert_close(logits, alone, atol=0.05, rtol=0.05)
    assert float(alone.std()) > 0.2


@torch.no_grad()
def test_what_rows_that_share_cannot_do() -> None:
    model = precise_model_of("decoder:attention-rotary")
    ids = random_ids(2, LENGTH)
    with pytest.raises(ValueError, match="go on without padding"):
        model(Batch(random_ids(4, 1), valid=torch.ones(4, 1, dtype=torch.bool)), shared(model, ids))
    alone = model.start(Batch(ids))
    model(Batch(ids), alone)
    with pytest.raises(ValueError, match="share what they remember before"):
        shared(model, ids).join(alone)


@pytest.mark.parametrize(
    "variant", ["decoder:attention-rotary", "decoder:attention-sliding", "decoder:attention-relative"]
)
@torch.no_grad()
def test_long_texts_outgrow_the_first_capacity(variant: str) -> None:
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(1, 150))
    split = [0, 50, *range(51, 140), 150]
    assert_close(consume(model, model.start(batch), batch, split), model(batch))


@torch.no_grad()
def test_the_source_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("seq2seq:attention-rotary")
    batch = batch_of(model, random_ids(1, 3))
    state = model.start(batch)
    monkeypatch.setattr(model, "encode", None)  # calling it again would fail
    assert consume(model, state, batch, [0, 1, 2, 3]).shape == (1, 3, 29)


def test_a_state_takes_no_packed_documents() -> None:
    model = model_of("decoder:gru")
    batch = Batch(random_ids(1, 4), documents=torch.tensor([[0, 0, 1, 1]]))
    with pytest.raises(ValueError, match="one document a row"):
        model(batch, model.start(batch))
