"""Matrix products: the same as torch's, gradients too, whatever library works them out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from langue import kernels
from langue.kernels import dispatch, products

SIZES = st.integers(1, 40)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5), (1, 1, 5), (0, 5)], ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_linear_is_torchs_gradients_too(shape: tuple[int, ...], biased: bool) -> None:
    draws = torch.Generator().manual_seed(0)
    given = [torch.randn(shape, generator=draws), torch.randn(7, 5, generator=draws), torch.randn(7, generator=draws)]
    theirs = [tensor.double().requires_grad_() for tensor in given]
    ours = [tensor.clone().requires_grad_() for tensor in given]
    expected = F.linear(theirs[0], theirs[1], theirs[2] if biased else None)
    found = kernels.linear(ours[0], ours[1], ours[2] if biased else None)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    expected.square().sum().backward()
    found.square().sum().backward()
    for mine, reference in zip(ours[: 2 + biased], theirs, strict=False):
        assert mine.grad is not None
        assert reference.grad is not None
        torch.testing.assert_close(mine.grad.double(), reference.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("library")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_products_of_any_shape_and_stride(m: int, n: int, k: int, turned: bool, weight_turned: bool) -> None:
    x = torch.randn(k, m).t() if turned else torch.randn(m, k)
    weight = torch.randn(k, n).t() if weight_turned else torch.randn(n, k)
    torch.testing.assert_close(products.multiply(x, weight), x @ weight.t(), rtol=1e-4, atol=1e-4)
    grad = torch.randn(n, m).t() if turned else torch.randn(m, n)
    torch.testing.assert_close(products.multiply_transposed(grad, x), grad.t() @ x, rtol=1e-4, atol=1e-4)


def test_the_same_product_gives_the_same_bits() -> None:
    x, weight = torch.randn(50, 30), torch.randn(20, 30)
    first = products.multiply(x, weight)
    for _ in range(5):
        assert torch.equal(products.multiply(x.clone(), weight.clone()), first)


def test_only_what_needs_a_gradient_gets_one() -> None:
    x, weight = torch.randn(4, 3), torch.randn(2, 3, requires_grad=True)
    kernels.linear(x, weight).sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(2, 3))


def test_autocast_computes_in_bf16() -> None:
    x, weight = torch.randn(4, 3), torch.randn(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert kernels.linear(x, weight).dtype == torch.bfloat16


@pytest.fixture
def reordered(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What a library of our own was asked to reorder."""
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(dispatch, "_fitting", {})
    asked: list[torch.Tensor] = []
    reorder = torch.ops.mkldnn._reorder_linear_weight

    def note(weight: torch.Tensor, rows: int) -> torch.Tensor:
        asked.append(weight)
        return reorder(weight, rows)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", note)
    return asked


@torch.inference_mode()
@pytest.mark.parametrize("size", [(7, 5), (64, 48), (300, 96)])
def test_settled_weights_give_the_same_bits(size: tuple[int, int], reordered: list[torch.Tensor]) -> None:
    weight, bias = nn.Parameter(torch.randn(size)), torch.randn(size[0])
    given = [torch.randn(rows, size[1]) for rows in (1, 2, 3, 16, 100, 300, 1)]
    expected = [kernels.linear(x, weight, bias) for x in given]
    with kernels.settled_weights(10_000_000):
        for _ in range(4):
            for x, result in zip(given, expected, strict=True):
                assert torch.equal(kernels.linear(x, weight, bias), result)
    assert len(reordered) == 1


@torch.inference_mode()
def test_where_they_alone_are_faster_they_multiply_few_rows(
    reordered: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And MKL multiplies single rows, many rows, and weights that are not settled yet."""
    monkeypatch.setattr(products, "onednn_is_faster", lambda: False)
    monkeypatch.setattr(products, "settled_rows", lambda: range(2, 65))
    weight, bias = nn.Parameter(torch.randn(48, 64)), torch.randn(48)
    taken: list[int] = []
    multiply = torch.ops.mkldnn._linear_pointwise

    def note(x: torch.Tensor, *rest: object) -> torch.Tensor:
        taken.append(x.numel() // 64)
        return multiply(x, *rest)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", note)
    shapes = [(1, 64), (2, 64), (4, 8, 64), (1, 1, 64), (65, 64), (0, 64)]
    with kernels.settled_weights(10_000_000):
        for round in range(12):
            for shape in shapes:
                x = torch.randn(shape)
                torch.testing.assert_close(kernels.linear(x, weight, bias), F.linear(x, weight, bias))
            assert not taken or round >= 4
    assert len(reordered) == 1
    assert set(taken) == {2, 32}
    taken.clear()
    kernels.linear(torch.randn(2, 64), weight, bias)
    assert not taken


@torch.inference_mode()
def test_settled_weights_are_parameters_and_settled_no_longer_than_asked(reordered: list[torch.Tensor]) -> None:
    weight, x = nn.Parameter(torch.randn(9, 6)), torch.randn(4, 6)
    for round in range(1, 3):
        with kernels.settled_weights(10_000_000):
            for _ in range(20):
                assert torch.equal(kernels.linear(x, weight * 2), 2 * kernels.linear(x, weight))
            settled = products._settled.get()
            assert settled is not None
            assert [*settled._uses] == [weight]  # what is made on the way is not held on to
        assert len(reordered) == round
        weight += 1  # seen by the next


@torch.inference_mode()
def test_settled_weights_take_no_more_room_than_they_may(reordered: list[torch.Tensor]) -> None:
    small, large = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.randn(50, 4))
    with kernels.settled_weights(small.nbytes + large.nbytes - 4):
        for _ in range(20):
            for weight in (small, large, small):
                kernels.linear(torch.ones(3, 4), weight)
    assert [len(weight) for weight in reordered] == [5]


@pytest.mark.usefixtures("library")
def test_a_second_derivative_is_right_or_refused() -> None:
    x, weight = torch.randn(4, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(kernels.linear(x, weight).square().sum(), x, create_graph=True)
    if products.onednn_is_faster():
        with pytest.raises(RuntimeError, match="once_differentiable"):
            grad.sum().backward()
    else:
        grad.sum().backward()
        torch.testing.assert_close(x.grad, (2 * weight.t() @ weight).sum(0).expand(4, 3))
