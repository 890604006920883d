"""RMS normalisation: the fused kernel against the reference in float64, forward and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from langue import kernels
from langue.kernels import norm

LAYOUTS = ["plain", "turned", "with gaps", "no rows", "one vector"]


def make(layout: str, dtype: torch.dtype = torch.float64) -> Tensor:
    draws = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(3, 4, 10, generator=draws, dtype=torch.float64) + 1
    shaped = {
        "plain": x,
        "turned": x.transpose(0, 1),
        "with gaps": torch.cat([x, x], -1)[..., 3:13],
        "no rows": x[:0],
        "one vector": x[0, 0],
    }[layout]
    return shaped.to(dtype).requires_grad_()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients_are_the_references(weighted: bool, layout: str) -> None:
    x = make(layout)
    weight = torch.linspace(-1, 2, 10, dtype=torch.float64, requires_grad=True) if weighted else None
    leaves = [x] if weight is None else [x, weight]

    def both(way):
        y = way(x, weight, 1e-3)
        upstream = torch.arange(y.numel(), dtype=y.dtype).view_as(y).cos()
        return [y, *torch.autograd.grad(y, leaves, upstream)]

    assert torch.equal(kernels.rms_norm(x, weight, 1e-3), norm.fused(x, weight, 1e-3))
    torch.testing.assert_close(both(norm.fused), both(norm.reference), atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(both(norm.by_torch), both(norm.reference), atol=1e-12, rtol=1e-10)
    with torch.no_grad():
        assert torch.equal(norm.fused(x, weight, 1e-3), norm.fused(x, weight, 1e-3))


@pytest.mark.parametrize("weighted", [False, True])
def test_its_gradient_is_the_slope_of_its_values(weighted: bool) -> None:
    weight = torch.linspace(-1, 2, 10, dtype=torch.float64, requires_grad=True) if weighted else None
    assert torch.autograd.gradcheck(lambda x, w: norm.fused(x, w, 1e-3), (make("with gaps"), weight))


def test_fp32_is_as_exact_as_torchs() -> None:
    x = make("plain", torch.float32)
    right = norm.reference(x.double(), None, 1e-6)
    error, theirs = ((way(x, None, 1e-6) - right).abs().max() for way in (norm.fused, norm.by_torch))
    assert error < 2 * theirs + 1e-7


@pytest.mark.parametrize("weighted", [False, True])
def test_a_second_derivative_is_refused_and_not_wrong(weighted: bool) -> None:
    x, weight = make("plain"), torch.ones(10, dtype=torch.float64) if weighted else None
    (grad,) = torch.autograd.grad(kernels.rms_norm(x, weight, 1e-3).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
