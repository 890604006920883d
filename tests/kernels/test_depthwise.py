"""The convolution of each document by itself, cut out or by neighbours, against a loop over documents."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from langue import kernels
from langue.kernels import convolution

DOCUMENTS = torch.tensor([[1, 1, 2, 2, 2, 2], [3, 3, 3, 4, 4, 5], [0, 0, 0, 0, 0, 0]])
VALID = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]]).bool()


def by_loop(x: Tensor, weight: Tensor, after: int, valid: Tensor, documents: Tensor) -> Tensor:
    result = torch.zeros_like(x)
    for row in range(len(x)):
        for document in documents[row].unique():
            own = (documents[row] == document) & valid[row]
            if own.any():
                wide = F.pad(x[row, own], (0, 0, weight.shape[1] - 1 - after, after))
                result[row, own] = F.conv1d(wide.t()[None], weight[:, None], groups=len(weight))[0].t()
    return result


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("size", "after"), [(1, 0), (3, 0), (4, 2), (9, 4)])
def test_documents_are_apart(size: int, after: int, padded: bool) -> None:
    x = torch.randn(3, 6, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, size, dtype=torch.float64, requires_grad=True)
    valid = VALID if padded else None
    real = VALID if padded else torch.ones_like(VALID)
    expected = by_loop(x, weight, after, real, DOCUMENTS)
    upstream = torch.randn_like(x) * real[..., None]  # what is made of padding, nobody reads

    def gradients(y: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(y, (x, weight), upstream)

    gradient = gradients(expected)
    for way in (kernels.convolve_apart, convolution.apart, convolution.apart_reference):
        result = way(x, weight, after, valid, DOCUMENTS)
        torch.testing.assert_close(result[real], expected[real])
        torch.testing.assert_close(gradients(result), gradient)
