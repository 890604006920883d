"""Matrix products: the same as torch's, gradients too, whatever library works them out."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from langue import matmul

SIZES = st.integers(1, 40)


@pytest.fixture(params=["this machine's choice", "torch's own"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch's own":
        monkeypatch.setattr(matmul, "onednn_is_faster", lambda: False)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5), (1, 1, 5), (0, 5)], ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_linear_is_torchs_gradients_too(shape: tuple[int, ...], biased: bool) -> None:
    draws = torch.Generator().manual_seed(0)
    given = [torch.randn(shape, generator=draws), torch.randn(7, 5, generator=draws), torch.randn(7, generator=draws)]
    theirs = [tensor.double().requires_grad_() for tensor in given]
    ours = [tensor.clone().requires_grad_() for tensor in given]
    expected = F.linear(theirs[0], theirs[1], theirs[2] if biased else None)
    found = matmul.linear(ours[0], ours[1], ours[2] if biased else None)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    expected.square().sum().backward()
    found.square().sum().backward()
    for mine, reference in zip(ours[: 2 + biased], theirs, strict=False):
        assert mine.grad is not None
        assert reference.grad is not None
        torch.testing.assert_close(mine.grad.double(), reference.grad, rtol=1e-4, atol=1e-4)


@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_products_of_any_shape_and_stride(m: int, n: int, k: int, turned: bool, weight_turned: bool) -> None:
    x = torch.randn(k, m).t() if turned else torch.randn(m, k)
    weight = torch.randn(k, n).t() if weight_turned else torch.randn(n, k)
    torch.testing.assert_close(matmul.multiply(x, weight), x @ weight.t(), rtol=1e-4, atol=1e-4)
    grad = torch.randn(n, m).t() if turned else torch.randn(m, n)
    torch.testing.assert_close(matmul.multiply_transposed(grad, x), grad.t() @ x, rtol=1e-4, atol=1e-4)


def test_the_same_product_gives_the_same_bits() -> None:
    x, weight = torch.randn(50, 30), torch.randn(20, 30)
    first = matmul.multiply(x, weight)
    for _ in range(5):
        assert torch.equal(matmul.multiply(x.clone(), weight.clone()), first)


def test_only_what_needs_a_gradient_gets_one() -> None:
    x, weight = torch.randn(4, 3), torch.randn(2, 3, requires_grad=True)
    matmul.linear(x, weight).sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(2, 3))


def test_autocast_computes_in_bf16() -> None:
    x, weight = torch.randn(4, 3), torch.randn(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert matmul.linear(x, weight).dtype == torch.bfloat16


@pytest.fixture
def reordered(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What a library of our own was asked to reorder."""
    if not matmul.onednn_is_faster():
        pytest.skip("torch's own products know no order of weights")
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
    expected = [matmul.linear(x, weight, bias) for x in given]
    with matmul.settled_weights(10_000_000):
        for _ in range(4):
            for x, result in zip(given, expected, strict=True):
                assert torch.equal(matmul.linear(x, weight, bias), result)
    assert len(reordered) == 1


@torch.inference_mode()
def test_settled_weights_are_parameters_and_settled_no_longer_than_asked(reordered: list[torch.Tensor]) -> None:
    weight, x = nn.Parameter(torch.randn(9, 6)), torch.randn(4, 6)
    for round in range(1, 3):
        with matmul.settled_weights(10_000_000):
            for _ in range(20):
                assert torch.equal(matmul.linear(x, weight * 2), 2 * matmul.linear(x, weight))
            settled = matmul._settled.get()
            assert settled is not None
            assert [*settled._uses] == [weight]  # what is made on the way is not held on to
        assert len(reordered) == round
        weight += 1  # seen by the next


@torch.inference_mode()
def test_settled_weights_take_no_more_room_than_they_may(reordered: list[torch.Tensor]) -> None:
    small, large = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.randn(50, 4))
    with matmul.settled_weights(small.nbytes + large.nbytes - 4):
        for _ in range(20):
            for weight in (small, large, small):
                matmul.linear(torch.ones(3, 4), weight)
    assert [len(weight) for weight in reordered] == [5]


@torch.inference_mode()
def test_nothing_is_kept_of_sums_when_a_search_is_over() -> None:
    with matmul.settled_weights(0):
        matmul.weighted_sums(torch.randn(1, 2, 3, 4), torch.randn(1, 2, 4, 16))
        assert matmul._bags.cache_info().currsize == matmul.onednn_is_faster()
    assert matmul._bags.cache_info().currsize == 0


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("width", [1, 5, 16, 64])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 4, 7), (2, 3, 1, 40), (2, 2, 5, 3)], ids=str)
@pytest.mark.parametrize("layout", ["plain", "with room", "heads inside", "widths inside"])
def test_weighted_sums_are_products(shape: tuple[int, ...], width: int, layout: str) -> None:
    batch, heads, times, length = shape
    weights = torch.randn(batch, times, heads, length).transpose(1, 2)
    values = {
        "plain": lambda: torch.randn(batch, heads, length, width),
        "with room": lambda: torch.randn(batch + 1, heads, length + 5, width)[1:, :, 2 : 2 + length],
        "heads inside": lambda: torch.randn(batch, length, heads, width).transpose(1, 2),
        "widths inside": lambda: torch.randn(batch, heads, width, length).transpose(2, 3),
    }[layout]()
    with torch.inference_mode():
        found = matmul.weighted_sums(weights, values)
    torch.testing.assert_close(found, weights @ values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "length", "width"), [(1, 1, 1), (7, 3, 5), (12, 40, 64)])
def test_what_is_looked_up_is_part_of_a_product(rows: int, length: int, width: int, kind: torch.dtype) -> None:
    """Of a table that is full of NaN where nobody looks."""
    table, x = torch.full((50, width), float("nan"), dtype=kind), torch.randn(rows, width, dtype=kind)
    read = torch.randperm(50)[:10]
    table[read] = torch.randn(10, width, dtype=kind)
    columns = read[torch.randint(10, (rows, length))]
    weights = torch.randn(rows, length, dtype=kind)
    with torch.inference_mode():
        assert matmul.can_look_up(x)
        products, sums = matmul.products_with_rows(x, table, columns), matmul.sums_of_rows(weights, table, columns)
    torch.testing.assert_close(products, (x @ table.t()).gather(1, columns), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sums, (weights[:, :, None] * table[columns]).sum(1), rtol=1e-5, atol=1e-5)


def test_other_kinds_of_numbers_are_not_looked_up() -> None:
    assert not matmul.can_look_up(torch.zeros(1, dtype=torch.bfloat16))
    assert not matmul.can_look_up(torch.zeros(1, device="meta"))


def test_looking_up_says_nothing() -> None:
    program = (
        "import torch; from langue import matmul;"
        "matmul.products_with_rows(torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1, 1, dtype=torch.long))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
