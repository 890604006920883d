"""The gradient of each row by itself, by `torch.func` for all rows at once as by one backward pass after the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, vmap
from variants import ALL, assert_close, precise_model_of, random_ids

from langue.batch import IGNORE, Batch
from langue.kernels import dropping_by
from langue.models import Model
from langue.objectives import linear_cross_entropy, log_probabilities
from langue.randomness import row_keys

ROWS, LENGTH = 3, 6

Row = dict[str, Tensor]


class RowLoss(nn.Module):
    """The loss of a row that is given without a dimension for the batch, as a function of a model's parameters."""

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, row: Row) -> Tensor:
        batch = Batch(**{name: tensor[None] for name, tensor in row.items()})
        assert batch.targets is not None
        return linear_cross_entropy(self.model.hidden(batch), self.model.head, batch.targets, smoothing=0.1).total


def rows_of(variant: str, **more: Tensor) -> Row:
    targets = random_ids(ROWS, LENGTH, seed=5)
    targets[0, 2] = IGNORE
    rows = {"ids": random_ids(ROWS, LENGTH), "targets": targets, **more}
    if variant.startswith("seq2seq"):
        rows["source"] = random_ids(ROWS, 5, seed=9)
        if "valid" in more:
            rows["source_valid"] = torch.arange(5) < torch.tensor([[5], [2], [4]])
    return rows


def by_vmap(loss: RowLoss, rows: Row) -> dict[str, Tensor]:
    parameters = {name: parameter.detach() for name, parameter in loss.named_parameters()}
    one = grad(lambda parameters, row: functional_call(loss, parameters, (row,)))
    return vmap(one, in_dims=(None, 0), randomness="different")(parameters, rows)


def by_loop(loss: RowLoss, rows: Row, keys: Any = None) -> dict[str, Tensor]:
    rows_grads: dict[str, list[Tensor]] = {name: [] for name, _ in loss.named_parameters()}
    for number in range(ROWS):
        loss.zero_grad()
        with dropping_by(None if keys is None else keys[number : number + 1]):
            loss({name: tensor[number] for name, tensor in rows.items()}).backward()
        for name, parameter in loss.named_parameters():
            rows_grads[name].append(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone())
    return {name: torch.stack(grads) for name, grads in rows_grads.items()}


def check(loss: RowLoss, rows: Row, keys: Any = None) -> None:
    expected = by_loop(loss, rows, keys)
    with dropping_by(keys):
        gradients = by_vmap(loss, rows)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, expected[name])


@pytest.mark.parametrize("variant", ALL)
def test_of_whole_rows(variant: str) -> None:
    check(RowLoss(precise_model_of(variant)), rows_of(variant))


@pytest.mark.parametrize("variant", ALL)
def test_of_rows_padded_on_either_side(variant: str) -> None:
    valid = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1]]).bool()
    rows = rows_of(variant, valid=valid)
    rows["targets"] = rows["targets"].where(valid, IGNORE)
    check(RowLoss(precise_model_of(variant)), rows)


@pytest.mark.parametrize("variant", ALL)
def test_of_packed_documents(variant: str) -> None:
    documents = torch.tensor([[1, 1, 1, 2, 2, 2], [3, 3, 3, 3, 3, 3], [4, 5, 5, 5, 5, 6]])
    check(RowLoss(precise_model_of(variant)), rows_of(variant, documents=documents))


@pytest.mark.parametrize("variant", ALL)
def test_rows_drop_what_they_drop_in_a_batch(variant: str) -> None:
    model = precise_model_of(variant, dropout=0.3).train()
    check(RowLoss(model), rows_of(variant), row_keys(0, 7, ROWS, 1))


def test_without_keys_each_row_drops_by_itself() -> None:
    loss = RowLoss(precise_model_of("decoder:attention-rotary", dropout=0.5).train())
    rows = {name: tensor[:1].expand(ROWS, -1) for name, tensor in rows_of("decoder:").items()}
    gradients = by_vmap(loss, rows)["model.embedding.table.weight"]
    assert not torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[1], gradients[2])


@pytest.mark.parametrize("variant", ["decoder:attention-rotary", "decoder:lstm", "decoder:gru", "decoder:window"])
def test_log_probabilities_of_rows(variant: str) -> None:
    """Per-row gradients of what a policy's likelihood is made of."""

    class Likelihood(RowLoss):
        def forward(self, row: Row) -> Tensor:
            batch = Batch(row["ids"][None], row["targets"][None])
            assert batch.targets is not None
            positions = log_probabilities(self.model.hidden(batch), self.model.head, batch.targets)
            return (positions * torch.arange(1, LENGTH + 1)).sum()

    check(Likelihood(precise_model_of(variant)), rows_of(variant))


def test_second_derivatives() -> None:
    """Which need both transforms to go through every operation twice."""
    model = precise_model_of("decoder:attention-rotary", feedforward="relu2", layers=1)
    loss, row = RowLoss(model), {name: tensor[0] for name, tensor in rows_of("decoder:").items()}
    parameters = {name: parameter.detach() for name, parameter in loss.named_parameters()}
    name = next(name for name in parameters if name.endswith("feedforward.output.weight"))

    def of(weight: Tensor) -> Tensor:
        return functional_call(loss, {**parameters, name: weight}, (row,))

    curvature = hessian(of)(parameters[name])
    step = torch.randn(parameters[name].shape, dtype=torch.float64)
    slopes = [grad(of)(parameters[name] + sign * 1e-5 * step) for sign in (1, -1)]
    numeric = (slopes[0] - slopes[1]) / 2e-5
    torch.testing.assert_close(torch.tensordot(curvature, step, 2), numeric, atol=1e-4, rtol=1e-4)
