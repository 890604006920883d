"""Causal language modelling: what is asked at each position, and what it costs to be wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from langue.batch import IGNORE, Batch
from langue.models import Model, ModelConfig, build
from langue.objectives import Causal


def model_of(**changes: object) -> Model:
    config = {"vocab_size": 17, "context": 8, "width": 16, "layers": 2, "initializer_range": 0.5, **changes}
    return build(ModelConfig.model_validate(config))


def test_targets_are_the_inputs_shifted_by_one() -> None:
    examples = [{"ids": np.array([3, 1, 4, 1, 5])}, {"ids": np.array([9, 2, 6, 5, 3])}]
    batch = Causal().batch(examples)
    assert batch.ids.tolist() == [[3, 1, 4, 1], [9, 2, 6, 5]]
    assert batch.targets is not None
    assert batch.targets.tolist() == [[1, 4, 1, 5], [2, 6, 5, 3]]
    assert batch.ids.dtype == batch.targets.dtype == torch.int64
    assert batch.valid is None
    assert batch.documents is None


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_stored_kinds_of_numbers_are_widened(dtype: type) -> None:
    batch = Causal().batch([{"ids": np.array([1, 2, 3], dtype=dtype)}])
    assert batch.ids.dtype == torch.int64
    assert batch.ids.tolist() == [[1, 2]]


def test_nothing_is_asked_across_a_documents_end() -> None:
    example = {"ids": np.array([3, 1, 4, 1, 5, 9]), "documents": np.array([7, 7, 8, 8, 8, 9])}
    batch = Causal().batch([example])
    assert batch.targets is not None
    assert batch.documents is not None
    assert batch.ids.tolist() == [[3, 1, 4, 1, 5]]
    assert batch.targets.tolist() == [[1, IGNORE, 1, 5, IGNORE]]
    assert batch.documents.tolist() == [[7, 7, 8, 8, 8]]


def test_packed_documents_cost_what_each_costs_alone() -> None:
    model = model_of()
    first, second = np.array([3, 1, 4, 1]), np.array([5, 9, 2])
    packed = {"ids": np.concatenate([first, second]), "documents": np.array([0] * 4 + [1] * 3)}
    objective = Causal()
    together = objective.loss(model, objective.batch([packed]))
    alone = [objective.loss(model, objective.batch([{"ids": ids}])) for ids in (first, second)]
    torch.testing.assert_close(together.total, alone[0].total + alone[1].total)
    assert int(together.count) == int(alone[0].count + alone[1].count) == 5


@torch.no_grad()
def test_the_loss_is_the_summed_surprise_at_each_next_token() -> None:
    model = model_of().eval()
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    loss = Causal().loss(model, Causal().batch([{"ids": ids[0].numpy()}]))
    surprise = 0.0
    for end in range(1, 5):
        chances = model(Batch(ids[:, :end]))[0, -1].softmax(-1)
        surprise -= math.log(float(chances[ids[0, end]]))
    assert float(loss.total) == pytest.approx(surprise, rel=1e-5)
    assert int(loss.count) == 4


def test_smoothing_is_for_training_only() -> None:
    model = model_of()
    objective = Causal(smoothing=0.3)
    batch = objective.batch([{"ids": np.array([3, 1, 4, 1, 5])}])
    assert batch.targets is not None
    logits = model(batch).flatten(0, 1)
    for training, smoothing in ((True, 0.3), (False, 0.0)):
        model.train(training)
        expected = F.cross_entropy(logits, batch.targets.flatten(), label_smoothing=smoothing, reduction="sum")
        torch.testing.assert_close(objective.loss(model, batch).total, expected)


def test_a_few_steps_learn_a_pattern() -> None:
    """Gradients reach every parameter and point the right way."""
    model, objective = model_of(zero_output=False), Causal()
    batch = objective.batch([{"ids": np.array([1, 2, 3, 4, 5, 6, 7, 8, 9])}])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        loss = objective.loss(model, batch)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
        optimizer.step()
        losses.append(loss.total.item())
    assert losses[-1] < losses[0] / 4
