"""A pruned model is the whole one with its other parts masked, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from variants import ALL, assert_close, batch_of, precise_model_of, random_ids

from langue.errors import LangueError
from langue.models import Model
from langue.models.count import parameters
from langue.pruning import Keep
from langue.pruning.prune import Choice, choose_blocks, choose_units, cut, stacks_of
from langue.pruning.units import unit_layers

ROWS = [random_ids(1, 6, seed=seed) for seed in range(3)]


def run(model: Model) -> None:
    for ids in ROWS:
        model(batch_of(model, ids))


class Skipped(nn.Module):
    """A block that does nothing."""

    def forward(self, x: Tensor, *rest: object) -> Tensor:
        return x


@contextmanager
def masked(model: Model, choice: Choice) -> Iterator[Model]:
    """The whole model in which nothing but a choice has an effect."""
    for stack, blocks in zip(stacks_of(model), choice, strict=True):
        kept = {block.number: block.units for block in blocks}
        for number, block in enumerate(stack.blocks):
            if number not in kept:
                stack.blocks[number] = Skipped()
                continue
            for name, layer in unit_layers(block):
                if name in kept[number]:
                    gone = torch.ones(layer.output.in_features, dtype=torch.bool)
                    gone[layer.places(layer.output.in_features, kept[number][name])] = False
                    layer.output.matrix()[:, gone] = 0.0
    yield model


def has(model: Model, kind: str) -> bool:
    return any(
        layer.kind == kind for stack in stacks_of(model) for block in stack.blocks for _, layer in unit_layers(block)
    )


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("kind", ["layers", "heads", "feedforward"])
@torch.no_grad()
def test_a_pruned_model_equals_the_whole_one_with_the_other_parts_masked(variant: str, kind: str) -> None:
    model, keep = precise_model_of(variant), Keep(**{kind: 0.5})
    if kind == "layers":
        choice = choose_blocks(model, keep, run)
    elif has(model, kind):
        choice = choose_units(model, keep, run)
    else:
        with pytest.raises(LangueError, match=f"keep: {kind}:0.5 cannot be, since no layer of this"):
            choose_units(model, keep, run)
        return
    pruned, batch = cut(model, choice), batch_of(model, random_ids(2, 5, seed=9))
    assert parameters(pruned.config) == sum(parameter.numel() for parameter in pruned.parameters())
    assert parameters(pruned.config) < parameters(model.config)
    before = model(batch)
    with masked(model, choice) as whole:
        assert_close(pruned(batch), whole(batch))
    assert not torch.allclose(pruned(batch), before)
