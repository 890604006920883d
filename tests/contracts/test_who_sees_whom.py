"""A decoder's position never sees its future, an encoder's sees both sides, and no row sees another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from variants import (
    ALL,
    CAUSAL,
    ENCODERS,
    MIXED,
    NEAR,
    SEQ2SEQS,
    assert_close,
    batch_of,
    model_of,
    other_ids,
    precise_model_of,
    random_ids,
)

from langue.batch import Batch
from langue.models import Model

LENGTH = 7


def influence(model: Model, batch: Batch, of_source: bool = False) -> Tensor:
    """(T, B, T or S): how strongly the logits of the first row's position t depend on each embedding."""
    embedded: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Tensor) -> None:
        embedded.append(output)

    own = getattr(model, "source_embedding", None) if of_source else None
    handle = (own or model.embedding).register_forward_hook(keep)
    logits = model(batch)
    handle.remove()
    # An encoder–decoder embeds its source first.
    place = embedded[0] if of_source else embedded[-1]
    rows = []
    for position in range(logits.shape[1]):
        (grad,) = torch.autograd.grad(logits[0, position].square().sum(), place, retain_graph=True)
        rows.append(grad.abs().sum(-1))
    return torch.stack(rows)


@pytest.mark.parametrize("variant", CAUSAL)
def test_no_gradient_comes_from_the_future(variant: str) -> None:
    model = model_of(variant)
    seen = influence(model, batch_of(model, random_ids(1, LENGTH)))[:, 0]
    assert torch.equal(seen.triu(1), torch.zeros_like(seen))
    for back in range(NEAR + 1):
        assert (seen.diagonal(-back) > 0).all()


@pytest.mark.parametrize("variant", CAUSAL)
@torch.no_grad()
def test_later_tokens_change_no_bit(variant: str) -> None:
    model = model_of(variant)
    ids = random_ids(2, LENGTH)
    batch = batch_of(model, ids)
    logits = model(batch)
    for end in range(1, LENGTH):
        changed = torch.cat([ids[:, :end], other_ids(ids[:, end:])], 1)
        again = model(Batch(changed, source=batch.source))
        assert torch.equal(again[:, :end], logits[:, :end])
        assert not torch.equal(again[:, end:], logits[:, end:])


@pytest.mark.parametrize("variant", ENCODERS)
def test_an_encoder_sees_both_sides(variant: str) -> None:
    model = model_of(variant)
    seen = influence(model, Batch(random_ids(1, LENGTH)))[:, 0]
    for away in range(-NEAR, NEAR + 1):
        assert (seen.diagonal(away) > 0).all()
    if model.config.window is None:
        assert (seen > 0).all()


@pytest.mark.parametrize("variant", SEQ2SEQS)
def test_every_target_position_sees_the_whole_source(variant: str) -> None:
    model = model_of(variant)
    batch = Batch(random_ids(1, LENGTH), source=random_ids(1, 5, seed=3))
    assert (influence(model, batch, of_source=True)[:, 0] > 0).all()


@pytest.mark.parametrize("variant", ALL)
def test_rows_are_independent(variant: str) -> None:
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(3, LENGTH))
    seen = influence(model, batch)
    assert torch.equal(seen[:, 1:], torch.zeros_like(seen[:, 1:]))
    with torch.no_grad():
        logits = model(batch)
        changed = batch.ids.clone()
        changed[1] = other_ids(changed[1])
        again = model(Batch(changed, source=batch.source))
        assert torch.equal(again[[0, 2]], logits[[0, 2]])
        assert not torch.equal(again[1], logits[1])
        for row in range(3):
            source = None if batch.source is None else batch.source[row : row + 1]
            assert_close(model(Batch(batch.ids[row : row + 1], source=source))[0], logits[row])


@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("form", ["decoder", "encoder"])
def test_a_window_reaches_exactly_as_far_as_it_says(form: str, window: int) -> None:
    """One layer of `window` positions, itself included, on each side that the form lets it see."""
    for mixer in ("attention-sliding", "window"):
        model = model_of(f"{form}:{mixer}", layers=1, window=window)
        seen = influence(model, Batch(random_ids(1, LENGTH)))[:, 0] > 0
        distance = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)  # query − key
        before = after = window - 1
        if mixer == "window" and form == "encoder":  # one window, centred
            before, after = window - 1 - window // 2, window // 2
        if form == "decoder":
            after = 0
        assert torch.equal(seen, (distance <= before) & (distance >= -after))


@pytest.mark.parametrize("name", MIXED)
def test_mixed_variants_really_mix(name: str) -> None:
    model = model_of(f"seq2seq:{name}")
    assert model.config.encoder_config().mixers != model.config.mixers
