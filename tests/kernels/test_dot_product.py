"""The ways of attention against the reference in float64, forward and back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from langue import kernels
from langue.kernels import dot_product

SHAPES = [(2, 4, 4, 7, 7), (3, 4, 2, 1, 9), (1, 4, 1, 5, 9), (0, 2, 2, 3, 3), (2, 2, 2, 20, 20)]
"""Rows, heads, key heads, queries, keys."""


def make(shape: tuple[int, ...], seen: str) -> tuple[list[Tensor], Tensor | None]:
    rows, heads, key_heads, length, total = shape
    draws = torch.Generator().manual_seed(0)

    def heads_of(count: int, length: int) -> Tensor:
        # As projections write them: heads inside, and beside something else.
        fused = torch.randn(rows, length, count + 1, 6, generator=draws, dtype=torch.float64)
        return fused[:, :, :count].transpose(1, 2).requires_grad_()

    tensors = [heads_of(heads, length), heads_of(key_heads, total), heads_of(key_heads, total)]
    mask = torch.rand(max(1, rows), 1, length, total, generator=draws) > 0.3
    mask[..., 0] = True
    bias = torch.randn(1, heads, length, total, generator=draws, dtype=torch.float64)
    return tensors, {"all": None, "mask": mask, "bias": bias, "shared mask": mask[:1, :, :1]}[seen]


def both(way: Any, tensors: list[Tensor], *rest: Any) -> list[Tensor]:
    y = way(*tensors, *rest)
    upstream = torch.arange(y.numel(), dtype=y.dtype).view_as(y).cos()
    return [y, *torch.autograd.grad(y, tensors, upstream)]


@pytest.mark.parametrize("seen", ["all", "mask", "bias", "shared mask"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_way_is_the_reference(shape: tuple[int, ...], seen: str) -> None:
    tensors, mask = make(shape, seen)
    expected = both(dot_product.reference, tensors, mask, False, 0.0)
    for way in (dot_product.by_torch, dot_product.spread):
        torch.testing.assert_close(both(way, tensors, mask, False, 0.0), expected, atol=1e-12, rtol=1e-10)
    table = both(lambda *arguments: kernels.attention(*arguments), tensors, mask)
    torch.testing.assert_close(table, expected, atol=1e-12, rtol=1e-10)
    with torch.no_grad():
        for result in (dot_product.step(*tensors, mask, False, 0.0), kernels.attention(*tensors, mask)):
            torch.testing.assert_close(result, expected[0], atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("seen", ["all", "mask", "bias", "shared mask"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_capped_scores(shape: tuple[int, ...], seen: str) -> None:
    tensors, mask = make(shape, seen)
    queries, keys, values = tensors
    spread = [x.repeat_interleave(shape[1] // shape[2], 1) for x in (keys, values)]
    scores = 0.4 * torch.tanh(queries @ spread[0].mT / 6**0.5 / 0.4)
    if mask is not None:
        scores = scores + (mask if mask.is_floating_point() else torch.zeros(mask.shape).masked_fill(~mask, -torch.inf))
    expected = scores.softmax(-1) @ spread[1]
    found = both(lambda *arguments: kernels.attention(*arguments, cap=0.4), tensors, mask)
    upstream = torch.arange(expected.numel(), dtype=expected.dtype).view_as(expected).cos()
    torch.testing.assert_close(found, [expected, *torch.autograd.grad(expected, tensors, upstream)])
    with torch.no_grad():
        for result in (dot_product.step(*tensors, mask, False, 0.0, 0.4), kernels.attention(*tensors, mask, cap=0.4)):
            torch.testing.assert_close(result, expected, atol=1e-12, rtol=1e-10)
        if shape[1] == shape[2]:
            torch.testing.assert_close(kernels.attention_weights(queries, keys, mask, 0.4), scores.softmax(-1))


@pytest.mark.parametrize("shape", [(2, 4, 4, 7, 7), (2, 4, 2, 20, 20)], ids=str)
def test_causal(shape: tuple[int, ...]) -> None:
    tensors, _ = make(shape, "all")
    mask = torch.ones(shape[3], shape[4], dtype=torch.bool).tril()[None, None]
    expected = both(dot_product.reference, tensors, mask, False, 0.0)
    for way in (dot_product.reference, dot_product.by_torch):
        torch.testing.assert_close(both(way, tensors, None, True, 0.0), expected, atol=1e-12, rtol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(kernels.attention(*tensors, None, causal=True), expected[0], atol=1e-12, rtol=1e-10)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("cap", [None, 0.5])
@torch.inference_mode()
def test_rows_of_tables_are_read_where_they_lie(cap: float | None, key_heads: int, dtype: torch.dtype) -> None:
    queries = torch.randn(3, 4, 2, 8).to(dtype)
    keys, values = torch.randn(2, 30, 8).to(dtype)
    places = torch.randint(30, (3, key_heads, 6))
    mask = torch.rand(3, 1, 2, 6) > 0.3
    mask[..., 0] = True
    expected = dot_product.reference(
        queries.double(), keys.double()[places], values.double()[places], mask, False, 0.0, cap
    ).to(dtype)
    close = {"atol": 3e-2, "rtol": 3e-2} if dtype == torch.bfloat16 else {"atol": 1e-5, "rtol": 1e-5}
    for way in (kernels.attention_along_rows, dot_product.along_rows_reference):
        torch.testing.assert_close(way(queries, keys, values, places, mask, cap), expected, **close)


@pytest.mark.parametrize("seen", ["all", "mask", "bias"])
@torch.no_grad()
def test_weights_are_those_of_the_mean(seen: str) -> None:
    (queries, keys, values), mask = make((2, 4, 4, 7, 7), seen)
    expected = kernels.attention(queries, keys, values, mask)
    for way in (kernels.attention_weights, dot_product.weights_reference, dot_product.step_weights):
        torch.testing.assert_close(way(queries, keys, mask) @ values, expected, atol=1e-12, rtol=1e-10)
