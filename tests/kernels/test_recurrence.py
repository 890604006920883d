"""The ways of recurrent layers against each other: step by step, packed, gathered, by torch's kernels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cells import cell_of
from langue import kernels
from langue.kernels import recurrence

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
VALID = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()
DOCUMENTS = torch.tensor([[1, 1, 2, 2, 2], [3, 3, 3, 4, 4], [0, 0, 0, 0, 0], [5, 6, 7, 8, 9], [1, 2, 1, 1, 2]])


def make(kind: str, both_ways: bool) -> tuple[nn.RNNBase, Tensor]:
    torch.manual_seed(1)
    cell = KINDS[kind](6, 4, batch_first=True, bidirectional=both_ways).double()
    return cell, torch.randn(5, 5, 6, dtype=torch.float64, requires_grad=True)


def hidden_of(kind: str) -> tuple[Tensor, ...]:
    return tuple(torch.randn(1, 5, 4, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1))


def all_of(result: tuple[Tensor, Any], x: Tensor, cell: nn.RNNBase) -> list[Tensor]:
    """Outputs, last states, and gradients of a sum whose terms all differ."""
    output, states = result
    factors = torch.arange(output.numel(), dtype=output.dtype).view_as(output).cos()
    total = (output * factors).sum() + sum((state.square().sum() for state in states), torch.zeros(()))
    return [output, *states, *torch.autograd.grad(total, [x, *cell.parameters()])]


@pytest.mark.parametrize("documents", [None, DOCUMENTS], ids=["one document", "documents"])
@pytest.mark.parametrize("valid", [None, VALID], ids=["whole", "padded"])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_table_takes_what_the_reference_gives(kind: str, both_ways: bool, valid: Any, documents: Any) -> None:
    cell, x = make(kind, both_ways)
    hidden = None if both_ways or documents is not None else hidden_of(kind)
    expected, taken = recurrence.reference(x, cell_of(cell), hidden, valid, documents), None
    taken = kernels.recurrent(x, cell_of(cell), hidden, valid, documents)
    if documents is not None:  # which end within a row, so that no state goes on
        expected, taken = (expected[0], ()), (taken[0], ())
    torch.testing.assert_close(all_of(taken, x, cell), all_of(expected, x, cell), atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_gathering_gives_what_the_reference_gives(kind: str, both_ways: bool) -> None:
    cell, x = make(kind, both_ways)
    expected = recurrence.reference(x, cell_of(cell), None, VALID, None)[0]
    torch.testing.assert_close(
        recurrence.gathered(x, cell_of(cell), None, VALID, None)[0], expected, atol=1e-12, rtol=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_nothing_but_padding_keep_what_they_had(kind: str) -> None:
    cell, x = make(kind, both_ways=False)
    hidden, nothing = hidden_of(kind), torch.zeros(5, 5, dtype=torch.bool)
    for way in (kernels.recurrent, recurrence.reference):
        output, after = way(x, cell_of(cell), hidden, nothing, None)
        assert not output.any()
        assert after is not None
        torch.testing.assert_close(after, hidden)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows(kind: str) -> None:
    cell, x = make(kind, both_ways=False)
    assert recurrence.reference(x[:0], cell_of(cell), None, None, None)[0].shape == (0, 5, 4)
