"""Every form and mixer judges texts: padding is invisible, and the head that judges learns through the whole trunk."""

from __future__ import annotations

import pytest
import torch
from variants import DECODERS, ENCODERS, assert_close, precise_model_of, random_ids

from langue.batch import Batch
from langue.tasks.answer.objective import Extract
from langue.tasks.classify.objective import ClassifyObjective

TEXT = {"outputs": 3, "dense": "tanh"}


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
@pytest.mark.parametrize("variant", DECODERS + ENCODERS)
def test_padding_changes_no_judgement(variant, pooling):
    model = precise_model_of(variant, classifier={**TEXT, "pooling": pooling})
    ids = random_ids(2, 7)
    alone = model.classify(Batch(ids))
    for left in (0, 4):
        padded = torch.zeros(2, 11, dtype=torch.long)
        valid = torch.zeros(2, 11, dtype=torch.bool)
        padded[:, left : left + 7], valid[:, left : left + 7] = ids, True
        assert_close(model.classify(Batch(padded, valid=valid)), alone)


@pytest.mark.parametrize("variant", DECODERS + ENCODERS)
def test_both_objectives_reach_every_parameter_of_the_trunk(variant):
    examples = [
        {"ids": random_ids(n, seed=n).numpy(), "segments": [0] * n, "target": target} for n, target in ((5, 1), (8, 2))
    ]
    for objective, head, targets in (
        (ClassifyObjective("label"), {"outputs": 3, "pooling": "mean"}, None),
        (Extract(), {"level": "position", "outputs": 2}, (2, 4)),
    ):
        model = precise_model_of(variant, classifier=head)
        asked = examples if targets is None else [{**example, "target": targets} for example in examples]
        loss = objective.loss(model, objective.batch(asked))
        loss.total.backward()
        for name, parameter in model.named_parameters():
            if name.startswith(("stack.blocks", "classifier", "embedding")):
                assert parameter.grad is not None, name
                assert torch.isfinite(parameter.grad).all(), name


def test_a_model_of_one_segment_takes_a_second_text_for_the_first():
    model = precise_model_of("encoder:attention", segments=1, classifier=TEXT)
    ids, segments = random_ids(2, 6), torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    assert_close(model.classify(Batch(ids, segments=segments)), model.classify(Batch(ids)))
