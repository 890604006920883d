"""A compiled loss is the loss, in one graph wherever torch's compiler knows the layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from variants import assert_close, batch_of, precise_model_of, random_ids

from langue.batch import Batch
from langue.models import Model
from langue.objectives import linear_cross_entropy, log_probabilities

WHOLE = {
    "decoder:attention-rotary": {"feedforward": "relu2"},
    "encoder:conformer": {"norm": "rms"},
}


def loss(model: Model, batch: Batch) -> Tensor:
    assert batch.targets is not None
    hidden = model.hidden(batch)
    total = linear_cross_entropy(hidden, model.head, batch.targets).total
    return total + log_probabilities(hidden, model.head, batch.targets).square().sum()


def check(variant: str, whole: bool, **changes: object) -> None:
    model = precise_model_of(variant, layers=1, **changes).train()
    batch = batch_of(model, random_ids(3, 6), targets=random_ids(3, 6, seed=2))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def both(function) -> list[Tensor]:
        total = function(model, batch)
        return [total, *torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)]

    torch.compiler.reset()
    expected = both(loss)
    for ours, theirs in zip(both(torch.compile(loss, backend="aot_eager", fullgraph=whole)), expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("variant", WHOLE)
def test_one_graph(variant: str) -> None:
    check(variant, whole=True, **WHOLE[variant])


def test_recurrent_layers_in_several() -> None:
    check("decoder:gru", whole=False)
