"""Texts behind prompts that they have in common: what is worked out in one row against each text by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from langue.batch import IGNORE, TRUNK, Batch
from langue.models import Model, ModelConfig, build
from langue.objectives import branches
from langue.objectives.branches import Branches, Tree, side_by_side, trees_of
from langue.objectives.completions import Completion, completion_batch, target_log_probabilities

KINDS = {
    "rotary": {},
    "learned": {"position": "learned"},
    "relative": {"position": "relative"},
    "window": {"window": 3},
    "lstm": {"mixer": "lstm", "position": "none"},
}


def model_of(**changes: object) -> Model:
    config = {"vocab_size": 17, "context": 24, "width": 16, "layers": 2, "initializer_range": 0.5, **changes}
    return build(ModelConfig.model_validate(config)).double()


def groups() -> list[Completion]:
    """Texts of unequal lengths for prompts of unequal lengths, of which one has a single text and some have twins."""
    draws = np.random.default_rng(5)
    rows = []
    for length, count in ((6, 4), (1, 3), (9, 1), (6, 2)):
        prompt = draws.integers(17, size=length)
        rows += [Completion.of(prompt, draws.integers(17, size=draws.integers(1, 6))) for _ in range(count)]
        rows += rows[-1:] * (count - 1)
    return [rows[number] for number in draws.permutation(len(rows))]


def one_by_one(model: Model, batch: Batch) -> torch.Tensor:
    """(B, T) log-probability of each target by a pass over its row alone."""
    assert batch.targets is not None
    own = batch.targets != IGNORE
    logs = torch.cat([model(Batch(row[None])) for row in batch.ids]).log_softmax(-1)
    return logs.gather(2, batch.targets.where(own, 0)[..., None])[..., 0] * own


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_and_its_gradient_are_what_they_are_alone(kind: str) -> None:
    model, batch = model_of(**KINDS[kind]), completion_batch(groups())
    weights = torch.rand(batch.ids.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found, expected = target_log_probabilities(model, batch), one_by_one(model, batch)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    gradients = [torch.autograd.grad((logs * weights).sum(), list(model.parameters())) for logs in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


def test_a_prompt_is_read_once_however_many_texts_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = model_of(), np.arange(10)
    batch = completion_batch([Completion.of(prompt, [number, 3]) for number in range(6)])
    read: list[int] = []
    assert model.embedding is not None
    model.embedding.register_forward_hook(lambda _, inputs, __: read.append(inputs[0].numel()))
    target_log_probabilities(model, batch)
    assert read == [10 + 6]  # the last token of a text foretells nothing
    read.clear()
    target_log_probabilities(model, completion_batch([Completion.of(prompt, [number % 2, 3]) for number in range(6)]))
    assert read == [10 + 2]
    monkeypatch.setattr(branches, "POSITIONS", 13)
    read.clear()
    target_log_probabilities(model, batch)
    assert read == [2 * (10 + 3)]


def test_what_is_dropped_out_is_each_text_s_own() -> None:
    model, batch = model_of(dropout=0.5).train(), completion_batch([Completion.of([1, 2], [3])] * 2)
    read: list[int] = []
    assert model.embedding is not None
    model.embedding.register_forward_hook(lambda _, inputs, __: read.append(inputs[0].numel()))
    target_log_probabilities(model, batch)
    assert read == [4]


def test_texts_find_their_positions_in_the_row() -> None:
    ids = np.array([[7, 8, 1, 0], [5, 6, 9, 4], [7, 8, 2, 3], [5, 6, 9, 4], [5, 6, 9, 0]])
    lengths = np.array([3, 4, 4, 4, 3])
    trees = trees_of(ids, np.full(5, 2), lengths)
    assert [tree.branches for tree in trees] == [[[0], [2]], [[1, 3], [4]]]
    packed = Branches.of(ids, lengths, [trees])
    assert packed.ids.tolist() == [[7, 8, 1, 2, 3, 5, 6, 9, 4, 9]]
    assert packed.documents.tolist() == [[TRUNK, TRUNK, 0, 1, 1, TRUNK, TRUNK, 0, 0, 1]]
    assert packed.texts.tolist() == [0, 2, 1, 3, 4]
    for place, text in enumerate(packed.texts):
        own = packed.places[place, : lengths[text]]
        assert packed.ids.flatten()[own].tolist() == ids[text, : lengths[text]].tolist()


def test_trees_make_rows_of_like_length_without_padding() -> None:
    draws = np.random.default_rng(1)
    lengths = [*draws.integers(3, 14, size=40).tolist(), branches.TOGETHER + 9]
    rows = side_by_side([Tree([[0]], 1, length) for length in lengths])
    sums = sorted(sum(tree.length for tree in row) for row in rows)
    assert sum(sums) == sum(lengths)
    assert sums[-1] == branches.TOGETHER + 9
    assert len(sums) * sums[-2] < 1.1 * sum(sums)
    assert sums[-2] <= branches.TOGETHER
