"""The turning of pairs by complex numbers against the same in real ones."""

from __future__ import annotations

import pytest
import torch

from langue import kernels
from langue.kernels import rotation


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_complex_numbers_give_what_real_ones_give(rows: int, shared: bool) -> None:
    # As queries and keys lie in a fused projection, beside values that are not turned.
    x = torch.randn(rows, 5, 6, 8)[:, :, :4].requires_grad_()
    angle = torch.randn(1 if shared else rows, 5, 1, 4)
    turns = torch.stack([angle.cos(), angle.sin()], -1)
    upstream = torch.randn(rows, 5, 4, 8)

    def both(way):
        y = way(x, turns)
        return [y, *torch.autograd.grad(y, x, upstream)]

    torch.testing.assert_close(both(rotation.by_complex_numbers), both(rotation.reference))
    torch.testing.assert_close(both(kernels.rotate), both(rotation.reference))


def test_other_precisions_stay_what_they_are() -> None:
    turns = torch.stack([torch.ones(1, 5, 1, 4), torch.zeros(1, 5, 1, 4)], -1)
    for dtype in (torch.float64, torch.bfloat16):
        x = torch.randn(2, 5, 3, 8, dtype=dtype)
        assert torch.equal(kernels.rotate(x, turns), x)
