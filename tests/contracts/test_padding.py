"""Padding is invisible: a padded row gives what the row alone gives, whatever tokens stand in the padding."""

from __future__ import annotations

import pytest
import torch
from variants import ALL, ENCODERS, SEQ2SEQS, assert_close, batch_of, model_of, other_ids, precise_model_of, random_ids

from langue.batch import Batch

LENGTHS = (7, 3, 1, 5)
WIDEST = max(LENGTHS)


def slices(side: str) -> list[slice]:
    """Where each row's own tokens stand."""
    return [slice(WIDEST - length, WIDEST) if side == "left" else slice(0, length) for length in LENGTHS]


def validity(side: str) -> torch.Tensor:
    valid = torch.zeros(len(LENGTHS), WIDEST, dtype=torch.bool)
    for row, own in enumerate(slices(side)):
        valid[row, own] = True
    return valid


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_padded_row_equals_the_row_alone(variant: str, side: str) -> None:
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(len(LENGTHS), WIDEST), valid=validity(side))
    hidden, logits = model.hidden(batch), model(batch)
    assert torch.isfinite(logits).all()
    for row, own in enumerate(slices(side)):
        source = None if batch.source is None else batch.source[row : row + 1]
        alone = Batch(batch.ids[row : row + 1, own], source=source)
        assert_close(hidden[row, own], model.hidden(alone)[0])
        assert_close(logits[row, own], model(alone)[0])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_tokens_in_the_padding_change_no_bit(variant: str, side: str) -> None:
    model = model_of(variant)
    valid = validity(side)
    ids = random_ids(len(LENGTHS), WIDEST)
    batch = batch_of(model, ids, valid=valid)
    again = Batch(ids.where(valid, other_ids(ids)), valid=valid, source=batch.source)
    assert torch.equal(model(again)[valid], model(batch)[valid])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("variant", SEQ2SEQS)
@torch.no_grad()
def test_padding_of_the_source_is_invisible(variant: str, side: str) -> None:
    model = precise_model_of(variant)
    ids, source = random_ids(len(LENGTHS), 4), random_ids(len(LENGTHS), WIDEST, seed=3)
    logits = model(Batch(ids, source=source, source_valid=validity(side)))
    for row, own in enumerate(slices(side)):
        alone = model(Batch(ids[row : row + 1], source=source[row : row + 1, own]))
        assert_close(logits[row], alone[0])


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_row_of_nothing_but_padding_harms_nobody(variant: str) -> None:
    model = precise_model_of(variant)
    valid = torch.tensor([[True] * 4, [False] * 4])
    batch = batch_of(model, random_ids(2, 4), valid=valid)
    logits = model(batch)
    assert torch.isfinite(logits).all()
    alone = model(Batch(batch.ids[:1], source=None if batch.source is None else batch.source[:1]))
    assert_close(logits[0], alone[0])


@pytest.mark.parametrize("variant", ENCODERS)
def test_gradients_of_padded_rows_are_finite_and_leave_padding_alone(variant: str) -> None:
    model = model_of(variant)
    valid = validity("right")
    # Token 0 stands in the padding and nowhere else.
    ids = (random_ids(len(LENGTHS), WIDEST).clamp(min=1)).where(valid, 0)
    model.hidden(Batch(ids, valid=valid))[valid].square().sum().backward()
    grad = model.embedding.table.weight.grad
    assert grad is not None
    assert torch.isfinite(grad).all()
    assert torch.equal(grad[0], torch.zeros_like(grad[0]))
