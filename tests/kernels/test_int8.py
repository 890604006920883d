"""Products with eight bits: exact integers, so that no row depends on another; and products with widened matrices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from langue import kernels
from langue.kernels import int8, widened

integers = pytest.mark.skipif(not int8.are_exact(), reason="this processor does not multiply bytes in integers")
SIZES = st.tuples(st.integers(1, 40), st.integers(2, 70), st.integers(1, 50))


def matrix(rows: int, columns: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    codes = torch.randint(-127, 128, (rows, columns), generator=draws, dtype=torch.int8)
    return codes, torch.rand(rows, generator=draws) / 127


@settings(deadline=None, max_examples=60)
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_two_digits_hold_a_row_to_fifteen_bits(sizes: tuple[int, int, int], seed: int) -> None:
    x = torch.randn(sizes[:2], generator=torch.Generator().manual_seed(seed)) * 10.0 ** (seed % 9 - 4)
    rows = len(x)
    scale, digits = int8.split(x)
    restored = scale * (digits[:rows].float() + digits[rows:].float() / int8.BASE)
    assert ((restored - x).abs() <= x.abs().amax(-1, keepdim=True) / 60_000).all()
    assert digits.abs().max() <= int8.LARGEST


def test_a_row_of_zeros_stays_one() -> None:
    codes, scales = matrix(5, 8)
    assert torch.equal(kernels.int8_linear(torch.zeros(2, 8), codes, scales), torch.zeros(2, 5))


@integers
@settings(deadline=None, max_examples=60)
@given(sizes=SIZES)
def test_integers_give_what_the_widened_matrix_gives(sizes: tuple[int, int, int]) -> None:
    rows, columns, inputs = sizes
    codes, scales = matrix(rows, columns)
    x = torch.randn(inputs, columns, generator=torch.Generator().manual_seed(1))
    bias = torch.randn(rows, generator=torch.Generator().manual_seed(2))
    expected = x.double() @ (codes.double() * scales.double()[:, None]).T + bias
    for way in (int8.by_integers, int8.reference):
        bound = 2e-5 * x.abs().amax(-1, keepdim=True).double() * columns
        assert ((way(x, codes, scales, bias) - expected).abs() <= bound + 1e-5).all()


@integers
@settings(deadline=None, max_examples=40)
@given(sizes=SIZES, size=st.sampled_from([1e-6, 1.0, 1e6]))
def test_each_row_has_the_bits_that_it_has_alone(sizes: tuple[int, int, int], size: float) -> None:
    rows, columns, inputs = sizes
    codes, scales = matrix(rows * 16, columns)
    x = torch.randn(inputs, columns, generator=torch.Generator().manual_seed(3))
    x[::2] *= size  # neighbours that are far larger or smaller
    together = kernels.int8_linear(x, codes, scales)
    alone = torch.cat([kernels.int8_linear(row, codes, scales) for row in x.split(1)])
    assert torch.equal(together, alone)
    assert torch.equal(kernels.int8_linear(x.view(1, inputs, columns), codes, scales)[0], alone)


def test_a_matrix_of_one_column_is_multiplied_as_well() -> None:
    """Its strides do not tell it from its transpose, which torch's product in integers stumbles over."""
    codes, scales = matrix(7, 1)
    x = torch.randn(3, 1)
    torch.testing.assert_close(kernels.int8_linear(x, codes, scales), x @ (codes * scales[:, None]).T)


@pytest.mark.parametrize("way", [int8.by_integers, int8.reference])
def test_gradients_are_those_over_the_widened_matrix(way: Callable[..., Tensor]) -> None:
    if way is int8.by_integers and not int8.are_exact():
        pytest.skip("this processor does not multiply bytes in integers")
    codes, scales = matrix(12, 20)
    x, bias, seen = (
        torch.randn(2, 3, 20, requires_grad=True),
        torch.randn(12, requires_grad=True),
        torch.randn(2, 3, 12),
    )
    ours = torch.autograd.grad(way(x, codes, scales, bias), (x, bias), seen)
    expected = torch.autograd.grad(torch.nn.functional.linear(x, codes * scales[:, None], bias), (x, bias), seen)
    for gradient, right in zip(ours, expected, strict=True):
        torch.testing.assert_close(gradient, right, atol=1e-5, rtol=1e-5)


def test_a_widened_matrix_is_made_in_pieces_and_multiplied_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widened, "_AT_ONCE", 64)
    weight, bias = torch.randn(50, 16), torch.randn(50)
    largest = 0

    def widen(rows: slice) -> Tensor:
        nonlocal largest
        largest = max(largest, len(weight[rows]))
        return weight[rows]

    x = torch.randn(3, 5, 16, requires_grad=True)
    output = kernels.widened_linear(x, widen, 50, bias)
    torch.testing.assert_close(output, torch.nn.functional.linear(x, weight, bias))
    seen = torch.randn_like(output)
    torch.testing.assert_close(torch.autograd.grad(output, x, seen)[0], seen @ weight)
    assert largest == 4


def test_transforms_see_through_both_products() -> None:
    codes, scales = matrix(6, 10)
    weight = codes * scales[:, None]

    def total(x: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        return product(x).square().sum()

    x = torch.randn(4, 10)
    expected = torch.func.vmap(torch.func.grad(lambda row: total(row, lambda x: x @ weight.T)))(x)
    for product in (
        lambda row: kernels.int8_linear(row, codes, scales),
        lambda row: kernels.widened_linear(row, lambda rows: weight[rows], 6),
    ):
        gradients = torch.func.vmap(torch.func.grad(lambda row, product=product: total(row, product)))(x)
        torch.testing.assert_close(gradients, expected)


def test_matrices_stay_wide_while_weights_are_settled_and_there_is_room() -> None:
    weight, held, x = torch.randn(6, 10), torch.zeros(1), torch.randn(3, 10)
    made = []

    def widen(rows: slice) -> Tensor:
        made.append(rows)
        return weight[rows]

    def products(count: int) -> int:
        made.clear()
        with torch.no_grad():
            for _ in range(count):
                product = kernels.widened_linear(x, widen, 6, None, held)
                torch.testing.assert_close(product, x @ weight.T)
        return len(made)

    with kernels.settled_weights(4 * 60):
        assert products(3) == 1
        assert kernels.widened_linear(x.clone().requires_grad_(), widen, 6, None, held).requires_grad
    with kernels.settled_weights(4 * 60 - 1):
        assert products(3) == 3
    assert products(3) == 3


@integers
@pytest.mark.parametrize("digits", [1, 2])
def test_a_row_has_the_same_bits_beside_outliers(digits: int) -> None:
    (codes, scales), draws = matrix(48, 64), torch.Generator().manual_seed(5)
    x = torch.randn(70, 64, generator=draws)
    x[1::2] *= 1e4
    together = kernels.int8_linear(x, codes, scales, None, digits)
    for row in range(0, 70, 7):
        assert torch.equal(kernels.int8_linear(x[row : row + 1], codes, scales, None, digits)[0], together[row])


@integers
def test_one_digit_is_the_product_of_rows_rounded_to_eight_bits() -> None:
    (codes, scales), x = matrix(9, 33), torch.randn(5, 33, generator=torch.Generator().manual_seed(1))
    size = x.abs().amax(-1, keepdim=True) / 127
    expected = ((x / size).round() * size).double() @ (codes * scales[:, None]).double().t()
    torch.testing.assert_close(kernels.int8_linear(x, codes, scales, None, 1).double(), expected, atol=1e-5, rtol=1e-5)
