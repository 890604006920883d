"""The written-out GRU and RNN against torch's own cells, values and gradients."""

import pytest
import torch
from torch import nn

from langue.nn.unrolled import can_walk, walk


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize(("rows", "length", "inputs", "width"), [(3, 7, 5, 6), (1, 1, 4, 4), (2, 20, 8, 3)])
@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_values_and_gradients_are_torchs(kind, rows, length, inputs, width, start):
    torch.manual_seed(0)
    cell = kind(inputs, width, batch_first=True).double()
    x = torch.randn(rows, length, inputs, dtype=torch.double, requires_grad=True)
    hidden = torch.randn(1, rows, width, dtype=torch.double, requires_grad=True) if start else None
    upstream = torch.randn(rows, length, width, dtype=torch.double), torch.randn(1, rows, width, dtype=torch.double)
    leaves = [x, *cell.parameters(), *([hidden] if hidden is not None else [])]

    def both(outputs):
        return [*outputs, *torch.autograd.grad(outputs, leaves, upstream)]

    assert can_walk(cell, x)
    torch.testing.assert_close(both(walk(cell, x, hidden)), both(cell(x, hidden)), atol=1e-12, rtol=1e-10)


def test_only_what_is_written_out_is_taken():
    x = torch.zeros(1, 1, 4)
    assert can_walk(nn.GRU(4, 4, batch_first=True), x)
    assert not can_walk(nn.LSTM(4, 4, batch_first=True), x)
    assert not can_walk(nn.GRU(4, 4, batch_first=True, bidirectional=True), x)
    assert not can_walk(nn.RNN(4, 4), x)
    assert not can_walk(nn.GRU(4, 4, batch_first=True), x.to("meta"))
