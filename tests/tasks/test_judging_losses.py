"""Classification losses against torch's own, and the arithmetic of sums and counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from langue.batch import IGNORE, Batch
from langue.models import ModelConfig, build
from langue.models.config import ClassifierConfig
from langue.tasks.answer.objective import Extract
from langue.tasks.classify.objective import ClassifyObjective

RNG = np.random.default_rng(0)


def example(length, target):
    return {"ids": RNG.integers(1, 20, length), "segments": np.zeros(length, np.int64), "target": target}


def model_of(outputs, level="text"):
    head = ClassifierConfig(outputs=outputs, level=level)
    config = ModelConfig(form="encoder", vocab_size=20, width=16, layers=1, heads=2, context=16, classifier=head)
    return build(config, seed=1).eval()


@pytest.mark.parametrize(
    ("kind", "outputs", "targets", "expected"),
    [
        ("label", 3, [0, 2, 1], lambda s, t: F.cross_entropy(s, t, reduction="sum")),
        ("labels", 2, [[0, 1], [1, 1], [0, 0]], lambda s, t: F.binary_cross_entropy_with_logits(s, t) * 3),
        ("number", 1, [0.5, -2.0, 3.0], lambda s, t: F.mse_loss(s[:, 0], t, reduction="sum")),
    ],
)
def test_the_loss_is_torchs(kind, outputs, targets, expected):
    objective, model = ClassifyObjective(kind), model_of(outputs)
    examples = [example(length, target) for length, target in zip((3, 7, 5), targets, strict=True)]
    batch = objective.batch(examples)
    assert batch.valid.sum(1).tolist() == [3, 7, 5]
    loss = objective.loss(model, batch)
    assert int(loss.count) == 3
    torch.testing.assert_close(loss.total, expected(model.classify(batch), batch.targets))
    alone = [objective.loss(model, objective.batch([one])).total for one in examples]
    torch.testing.assert_close(sum(alone), loss.total, atol=1e-5, rtol=1e-5)


def test_weights_and_smoothing_are_torchs():
    objective = ClassifyObjective("label", [0.5, 2.0, 1.0], smoothing=0.1)
    scores, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    expected = F.cross_entropy(scores, targets, torch.tensor([0.5, 2.0, 1.0]), reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(objective.of_scores(scores, targets, 0.1).total, expected)
    model = model_of(3)
    batch = objective.batch([example(4, 1), example(4, 0)])
    assert objective.loss(model.eval(), batch).total != objective.loss(model.train(), batch).total


def test_a_choice_is_scored_against_the_others_of_its_example_alone():
    objective, model = ClassifyObjective("choice"), model_of(1)
    many = {
        "ids": [RNG.integers(1, 20, n) for n in (3, 4, 6)],
        "segments": [np.zeros(n) for n in (3, 4, 6)],
        "target": 2,
    }
    few = {"ids": [RNG.integers(1, 20, n) for n in (5, 2)], "segments": [np.zeros(n) for n in (5, 2)], "target": 0}
    batch = objective.batch([many, few])
    assert batch.targets.tolist() == [[0, 0, 1], [1, 0, IGNORE]]
    together = objective.loss(model, batch)
    assert int(together.count) == 2
    alone = [objective.loss(model, objective.batch([one])).total for one in (many, few)]
    torch.testing.assert_close(together.total, sum(alone), atol=1e-5, rtol=1e-5)
    scores = torch.cat([model.classify(Batch(torch.from_numpy(ids)[None])) for ids in few["ids"]])
    torch.testing.assert_close(alone[1], F.cross_entropy(scores.T, torch.tensor([0])), atol=1e-5, rtol=1e-5)


def test_extraction_is_the_mean_of_two_cross_entropies():
    objective, model = Extract(), model_of(2, level="position")
    examples = [example(length, target) for length, target in ((6, (2, 4)), (9, (0, 0)))]
    batch = objective.batch(examples)
    loss = objective.loss(model, batch)
    total = 0.0
    for one in examples:
        scores = model.classify(objective.batch([one]))[0]
        for side in range(2):
            total += F.cross_entropy(scores[None, :, side], torch.tensor([one["target"][side]])) / 2
    torch.testing.assert_close(loss.total, total, atol=1e-5, rtol=1e-5)
    smooth = Extract(0.1).loss(model.train(), objective.batch(examples[:1])).total
    scores = model.classify(objective.batch(examples[:1]))
    expected = sum(F.cross_entropy(scores[..., s], batch.targets[:1, s], label_smoothing=0.1) for s in range(2))
    torch.testing.assert_close(smooth, expected / 2)
    assert torch.isfinite(Extract(0.1).loss(model, batch).total)
