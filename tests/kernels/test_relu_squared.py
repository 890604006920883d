"""The squared ReLU against its reference, forward and back."""

from __future__ import annotations

import pytest
import torch

from langue import kernels
from langue.kernels import activation


@pytest.mark.parametrize("shape", [(0, 5), (7,), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_values_and_gradients_are_the_references(shape: tuple[int, ...], turned: bool) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    x = (x.mT if turned and x.ndim > 1 else x).requires_grad_()
    upstream = torch.randn_like(x)
    for way in (kernels.relu_squared, activation.fused):
        y, expected = way(x), activation.reference(x)
        assert torch.equal(y, expected)
        assert torch.equal(*(torch.autograd.grad(z, x, upstream)[0] for z in (y, expected)))
        with torch.no_grad():
            assert torch.equal(way(x), expected)


def test_its_gradient_is_the_slope_of_its_values() -> None:
    x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(activation.fused, x)
