"""Layers that are worked out anew on the way back: the same loss and gradients, to the bit, and less that is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from variants import ALL, batch_of, config_of, random_ids

from langue.kernels import dropping_by
from langue.models import build
from langue.objectives.cross_entropy import linear_cross_entropy

KEYS = np.arange(7, 10, dtype=np.uint64)


def learnt(variant: str, *, recompute: bool) -> tuple[dict[str, Tensor], int]:
    """Gradients with dropout, and the numbers that were kept for them."""
    model = build(config_of(variant, dropout=0.3), seed=1).train()
    if recompute:
        model.recompute()
    ids, kept = random_ids(3, 7), []
    own = {parameter.data_ptr() for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        kept.append(0 if tensor.data_ptr() in own else tensor.numel())
        return tensor

    with dropping_by(KEYS), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model.hidden(batch_of(model, ids))
        linear_cross_entropy(hidden, model.head, ids).total.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, sum(kept)


@pytest.mark.parametrize("variant", ALL)
def test_gradients_are_the_same_to_the_bit(variant: str) -> None:
    (expected, whole), (found, few) = learnt(variant, recompute=False), learnt(variant, recompute=True)
    assert found.keys() == expected.keys()
    for name, grad in found.items():
        assert torch.equal(grad, expected[name]), name
    assert few < whole
