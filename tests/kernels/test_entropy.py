"""Cross-entropy in chunks against the reference, which `torch.func` takes, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev

from langue import kernels
from langue.kernels import entropy

ROWS, WIDTH, VOCABULARY = 9, 5, 12


def make(biased: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    # As a decoder writes them: not side by side.
    hidden = torch.randn(ROWS, 2 * WIDTH, generator=draws, dtype=torch.float64)[:, ::2].requires_grad_()
    weight = torch.randn(WIDTH, VOCABULARY, generator=draws, dtype=torch.float64).t().requires_grad_()
    bias = torch.randn(VOCABULARY, generator=draws, dtype=torch.float64, requires_grad=True) if biased else None
    targets = torch.randint(VOCABULARY, (ROWS,), generator=draws)
    counted = torch.arange(ROWS) % 4 != 1
    return hidden, weight, bias, targets.where(counted, -7), counted


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropy, "CHUNK", {"cpu": 4 * VOCABULARY})
    monkeypatch.setattr(entropy, "LEAST_ROWS", 1)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cap", [None, 1.5])
def test_chunks_add_up_to_the_reference(biased: bool, smoothing: float, weighted: bool, cap: float | None) -> None:
    *tensors, targets, counted = make(biased)
    weights = torch.linspace(-1, 2, ROWS, dtype=torch.float64, requires_grad=True) if weighted else None
    leaves = [tensor for tensor in (*tensors, weights) if tensor is not None]
    arguments = (*tensors, targets, counted, smoothing, weights, cap)

    def both(way):
        total = way(*arguments)
        return [total, *torch.autograd.grad(total * 0.7, leaves)]

    expected = both(entropy.reference)
    for way in (entropy.chunked, kernels.cross_entropy):
        torch.testing.assert_close(both(way), expected)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("cap", [None, 1.5])
def test_log_probabilities_are_the_references(biased: bool, cap: float | None) -> None:
    *tensors, targets, counted = make(biased)
    leaves = [tensor for tensor in tensors if tensor is not None]
    upstream = torch.linspace(-1, 2, ROWS, dtype=torch.float64)

    def both(way):
        positions = way(*tensors, targets, counted, cap)
        return [positions, *torch.autograd.grad(positions, leaves, upstream)]

    expected = both(entropy.log_reference)
    for way in (entropy.log_chunked, kernels.log_probabilities):
        torch.testing.assert_close(both(way), expected)


def test_capped_logits_are_their_formula() -> None:
    hidden, weight, bias, targets, counted = make(biased=True)
    logits = 1.5 * torch.tanh((hidden @ weight.t() + bias) / 1.5)
    rows = torch.arange(ROWS)[counted]
    expected = logits.log_softmax(-1)[rows, targets[counted]]
    torch.testing.assert_close(
        kernels.log_probabilities(hidden, weight, bias, targets, counted, 1.5)[counted], expected
    )
    suppressed = bias.detach().clone()
    suppressed[3] = -torch.inf  # a token that has no probability has none behind a cap
    logs = kernels.log_probabilities(hidden, weight, suppressed, torch.full((ROWS,), 3), counted, 1.5)
    assert torch.isneginf(logs[counted]).all()
    (slope,) = torch.autograd.grad(
        kernels.log_probabilities(hidden, weight, suppressed, torch.full((ROWS,), 2), counted, 1.5).sum(), hidden
    )
    assert slope.isfinite().all()


def test_what_is_not_counted_may_overflow() -> None:
    hidden, weight, bias, targets, counted = make(biased=True)
    spoilt = hidden.detach().clone()
    spoilt[~counted] = 1e300
    for way in (entropy.chunked, entropy.reference):
        expected = way(hidden, weight, bias, targets, counted, 0.1, None)
        (clean,) = torch.autograd.grad(expected, weight)
        total = way(spoilt, weight, bias, targets, counted, 0.1, None)
        torch.testing.assert_close(total, expected)
        assert torch.autograd.grad(total, weight)[0].isfinite().all()
        assert clean.isfinite().all()
    for way in (entropy.log_chunked, entropy.log_reference):
        torch.testing.assert_close(
            way(spoilt, weight, bias, targets, counted), way(hidden, weight, bias, targets, counted)
        )


def test_transforms_see_the_same() -> None:
    hidden, weight, bias, targets, counted = (x if x is None else x.detach() for x in make(biased=True))

    def total(weight: Tensor) -> Tensor:
        return kernels.cross_entropy(hidden, weight, bias, targets, counted, 0.1)

    def positions(weight: Tensor) -> Tensor:
        return kernels.log_probabilities(hidden, weight, bias, targets, counted)

    leaf = weight.clone().requires_grad_()
    torch.testing.assert_close(grad(total)(weight), torch.autograd.grad(total(leaf), leaf)[0])
    rows = [torch.autograd.grad(positions(leaf)[row], leaf)[0] for row in range(ROWS)]
    torch.testing.assert_close(jacrev(positions)(weight), torch.stack(rows))
