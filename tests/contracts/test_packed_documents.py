"""Documents packed into one row do not know of each other: neither their numbers nor their positions."""

from __future__ import annotations

import pytest
import torch
from variants import ALL, assert_close, batch_of, model_of, other_ids, precise_model_of, random_ids

from langue.batch import Batch

# Two rows of ten positions; the second row is one document and a piece of another.
PACKED = [(3, 5, 2), (9, 1)]
DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1, 2, 2], [7] * 9 + [8]])


def pieces() -> list[tuple[int, slice]]:
    """Row and positions of each document."""
    found = []
    for row, lengths in enumerate(PACKED):
        start = 0
        for length in lengths:
            found.append((row, slice(start, start + length)))
            start += length
    return found


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_changing_a_document_changes_no_bit_of_its_neighbours(variant: str) -> None:
    model = model_of(variant)
    batch = batch_of(model, random_ids(2, 10), documents=DOCUMENTS)
    logits = model(batch)
    for row, own in pieces():
        ids = batch.ids.clone()
        ids[row, own] = other_ids(ids[row, own])
        again = model(Batch(ids, documents=DOCUMENTS, source=batch.source))
        changed = torch.zeros(2, 10, dtype=torch.bool)
        changed[row, own] = True
        assert torch.equal(again[~changed], logits[~changed])
        assert (again[changed] != logits[changed]).any(-1).all()


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_packed_document_equals_the_document_alone(variant: str) -> None:
    model = precise_model_of(variant)
    batch = batch_of(model, random_ids(2, 10), documents=DOCUMENTS)
    hidden, logits = model.hidden(batch), model(batch)
    for row, own in pieces():
        source = None if batch.source is None else batch.source[row : row + 1]
        alone = Batch(batch.ids[row : row + 1, own], source=source)
        assert_close(hidden[row, own], model.hidden(alone)[0])
        assert_close(logits[row, own], model(alone)[0])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_packed_rows_may_be_padded(variant: str, side: str) -> None:
    model = precise_model_of(variant)
    first, last = (3, 10) if side == "left" else (0, 7)
    valid = torch.zeros(1, 10, dtype=torch.bool)
    valid[:, first:last] = True
    # The padding counts as part of the document beside it.
    documents = (torch.arange(10) >= 5).long()[None]
    batch = batch_of(model, random_ids(1, 10), documents=documents, valid=valid)
    logits = model(batch)
    for own in (slice(first, 5), slice(5, last)):
        assert_close(logits[0, own], model(Batch(batch.ids[:, own], source=batch.source))[0])
