"""Products with chosen rows of a table against whole products."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from langue import kernels
from langue.kernels import gathered, products


@pytest.mark.usefixtures("library")
@torch.inference_mode()
def test_nothing_is_kept_of_sums_when_a_search_is_over() -> None:
    with kernels.settled_weights(0):
        gathered.weighted_sums(torch.randn(1, 2, 3, 4), torch.randn(1, 2, 4, 16))
        assert gathered._bags.cache_info().currsize == products.onednn_is_faster()
    assert gathered._bags.cache_info().currsize == 0


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
        result = gathered.weighted_sums(weights, values)
    torch.testing.assert_close(result, weights @ values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(("count", "length", "width"), [(1, 1, 1), (7, 3, 5), (12, 40, 64)])
def test_what_is_looked_up_is_part_of_a_product(count: int, length: int, width: int, kind: torch.dtype) -> None:
    """Of a table that is full of NaN where nobody looks."""
    table, x = torch.full((50, width), float("nan"), dtype=kind), torch.randn(count, width, dtype=kind)
    read = torch.randperm(50)[:10]
    table[read] = torch.randn(10, width, dtype=kind)
    columns = read[torch.randint(10, (count, length))]
    weights = torch.randn(count, length, dtype=kind)
    with torch.inference_mode():
        parts, sums = gathered.products_with_rows(x, table, columns), gathered.sums_of_rows(weights, table, columns)
    torch.testing.assert_close(parts, (x @ table.t()).gather(1, columns), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sums, (weights[:, :, None] * table[columns]).sum(1), rtol=1e-5, atol=1e-5)


def test_looking_up_says_nothing() -> None:
    program = (
        "import torch; from langue.kernels import gathered;"
        "gathered.products_with_rows(torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1, 1, dtype=torch.long))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
