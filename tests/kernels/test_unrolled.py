"""The written-out GRU and RNN against torch's own cells, values and gradients."""

import pytest
import torch
from torch import nn

from cells import cell_of
from langue import kernels
from langue.kernels.unrolled import is_known, walk


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

    def walked():
        output, (last,) = walk(x, cell_of(cell), None if hidden is None else (hidden,))
        return output, last

    torch.testing.assert_close(both(walked()), both(cell(x, hidden)), atol=1e-12, rtol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(walked(), cell(x, hidden), atol=1e-12, rtol=1e-10)


def test_only_what_is_written_out_is_taken():
    assert is_known(cell_of(nn.GRU(4, 4, batch_first=True)))
    assert is_known(cell_of(nn.RNN(4, 4, batch_first=True)))
    assert not is_known(cell_of(nn.LSTM(4, 4, batch_first=True)))
    assert not is_known(cell_of(nn.GRU(4, 4, batch_first=True, bidirectional=True)))


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_a_second_derivative_is_refused_and_not_wrong(kind):
    cell, x = kind(3, 3, batch_first=True), torch.randn(2, 4, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(kernels.recurrent(x, cell_of(cell), None)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
