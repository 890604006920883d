"""The chunked cross-entropy against torch's own in float64, in value, gradient and memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from langue.batch import IGNORE
from langue.kernels import entropy
from langue.nn.embedding import Embedding, Head
from langue.objectives import linear_cross_entropy, log_probabilities

ROWS, WIDTH, VOCABULARY = 11, 6, 13


def make_head(bias: bool, dtype: torch.dtype = torch.float64) -> Head:
    head = Head(VOCABULARY, WIDTH, bias=bias, tied=None).to(dtype)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    return head


def make_inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(2)
    hidden = torch.randn(ROWS, WIDTH, generator=draws, dtype=torch.float64).to(dtype)
    targets = torch.randint(VOCABULARY, (ROWS,), generator=draws)
    targets[[0, 4, 5, 10]] = IGNORE
    return hidden.requires_grad_(), targets


def gradients(loss: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, inputs)


def chunks_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the work into chunks of this many rows."""
    monkeypatch.setattr(entropy, "CHUNK", {"cpu": rows * VOCABULARY})
    monkeypatch.setattr(entropy, "LEAST_ROWS", 1)


# Chunks of one row, of a number that does not divide eleven, of exactly all, and of more than all.
@pytest.mark.parametrize("rows", [1, 4, 11, 50])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("bias", [True, False])
def test_value_and_gradients_are_torchs(
    bias: bool, smoothing: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks_of(rows, monkeypatch)
    head, (hidden, targets) = make_head(bias), make_inputs()
    loss = linear_cross_entropy(hidden, head, targets, smoothing)
    expected = F.cross_entropy(head(hidden), targets, ignore_index=IGNORE, label_smoothing=smoothing, reduction="sum")
    torch.testing.assert_close(loss.total, expected)
    assert int(loss.count) == 7
    inputs = (hidden, *head.parameters())
    # A factor other than one, as dividing by a count is.
    for ours, theirs in zip(gradients(loss.total / 3, *inputs), gradients(expected / 3, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_its_gradient_is_the_slope_of_its_values(smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks_of(3, monkeypatch)
    head, (hidden, targets) = make_head(bias=True), make_inputs()

    def loss(*inputs: Tensor) -> Tensor:
        return linear_cross_entropy(inputs[0], head, targets, smoothing).total

    assert torch.autograd.gradcheck(loss, (hidden, *head.parameters()))


def test_rows_may_have_any_shape() -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    flat = linear_cross_entropy(hidden[:10], head, targets[:10])
    shaped = linear_cross_entropy(hidden[:10].view(2, 5, WIDTH), head, targets[:10].view(2, 5))
    assert torch.equal(shaped.total, flat.total)
    assert torch.equal(shaped.count, flat.count)
    none = linear_cross_entropy(hidden[:0].view(2, 0, WIDTH), head, targets[:0].view(2, 0))
    assert (none.total.item(), none.count.item()) == (0.0, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_nothing_asked_is_no_loss_and_no_gradient(smoothing: float) -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    loss = linear_cross_entropy(hidden, head, targets.fill_(IGNORE), smoothing)
    assert (loss.total.item(), loss.count.item()) == (0.0, 0)
    assert all(not grad.any() for grad in gradients(loss.total, hidden, *head.parameters()))


def test_what_is_not_asked_may_be_anything() -> None:
    """What stands in the padding may overflow; the loss does not notice."""
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    expected = linear_cross_entropy(hidden, head, targets).total
    spoilt = hidden.detach().clone()
    spoilt[targets == IGNORE] = 1e300
    assert torch.equal(linear_cross_entropy(spoilt, head, targets).total, expected.detach())


def test_losses_of_pieces_add_up_to_the_loss_of_the_whole() -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    whole = linear_cross_entropy(hidden, head, targets, 0.1)
    pieces = [linear_cross_entropy(hidden[s], head, targets[s], 0.1) for s in (slice(0, 3), slice(3, 11))]
    torch.testing.assert_close(pieces[0].total + pieces[1].total, whole.total)
    assert int(pieces[0].count + pieces[1].count) == int(whole.count)


def test_a_tied_matrix_gets_both_its_gradients() -> None:
    embedding = Embedding(VOCABULARY, WIDTH, bias=False, scale=1.0).double()
    nn.init.normal_(embedding.table.weight, generator=torch.Generator().manual_seed(3))
    head = Head(VOCABULARY, WIDTH, bias=False, tied=embedding)
    _, targets = make_inputs()
    hidden = torch.tanh(embedding(torch.arange(ROWS)))
    expected = F.cross_entropy(head(hidden), targets, ignore_index=IGNORE, reduction="sum")
    (theirs,) = torch.autograd.grad(expected, embedding.table.weight, retain_graph=True)
    (ours,) = torch.autograd.grad(linear_cross_entropy(hidden, head, targets).total, embedding.table.weight)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("wanted", ["hidden", "weight", "bias", "nothing"])
def test_only_some_gradients_may_be_wanted(wanted: str) -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    inputs = {"hidden": hidden, "weight": head.table.weight, "bias": head.bias}
    for name, tensor in inputs.items():
        assert tensor is not None
        tensor.requires_grad_(name == wanted)
    loss = linear_cross_entropy(hidden, head, targets).total
    expected = F.cross_entropy(head(hidden), targets, ignore_index=IGNORE, reduction="sum")
    torch.testing.assert_close(loss, expected)
    assert loss.requires_grad == (wanted != "nothing")
    if wanted != "nothing":
        (ours,), (theirs,) = gradients(loss, inputs[wanted]), gradients(expected, inputs[wanted])
        torch.testing.assert_close(ours, theirs)


def error(found: Tensor, right: Tensor) -> float:
    return float((found.double() - right).norm() / right.norm())


def test_bfloat16_is_as_exact_as_torchs_however_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients that are summed over chunks in bfloat16 would lose what is small beside the sum."""
    chunks_of(1, monkeypatch)
    rows = 600
    draws = torch.Generator().manual_seed(2)
    hidden, targets = torch.randn(rows, WIDTH, generator=draws), torch.randint(VOCABULARY, (rows,), generator=draws)

    def all_gradients(loss: Callable[[Tensor, Head], Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
        own, x = make_head(bias=True, dtype=dtype), hidden.to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.float32):
            total = loss(x, own)
        assert total.dtype == dtype
        return gradients(total, x, *own.parameters())

    def plain(x: Tensor, own: Head) -> Tensor:
        return F.cross_entropy(own(x).to(x.dtype), targets, reduction="sum")

    right = all_gradients(plain, torch.float64)
    theirs = all_gradients(plain, torch.float32)
    ours = all_gradients(lambda x, own: linear_cross_entropy(x, own, targets).total, torch.float32)
    for mine, torchs, exact in zip(ours, theirs, right, strict=True):
        assert mine.dtype == torch.float32
        assert error(mine, exact) < 1.5 * error(torchs, exact) + 1e-3


class Largest(TorchDispatchMode):
    """Remembers the largest tensor, in numbers, that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.numbers = max(self.numbers, leaf.numel())
        return result


def test_all_logits_never_stand_in_memory_at_once() -> None:
    rows, width, vocabulary = 2000, 8, 50_257
    head = Head(vocabulary, width, bias=True, tied=None)
    nn.init.zeros_(head.table.weight)
    hidden, targets = torch.zeros(rows, width, requires_grad=True), torch.zeros(rows, dtype=torch.long)
    with Largest() as largest:
        linear_cross_entropy(hidden, head, targets, smoothing=0.1).total.backward()
    assert largest.numbers == entropy.LEAST_ROWS * vocabulary
    assert largest.numbers < rows * vocabulary / 7
    with Largest() as plain:
        F.cross_entropy(head(hidden[:400]), targets[:400]).backward()
    assert plain.numbers == 400 * vocabulary


@pytest.mark.parametrize("rows", [1, 4, 11, 50])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
def test_positions_may_weigh_anything(bias: bool, smoothing: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks_of(rows, monkeypatch)
    head, (hidden, targets) = make_head(bias), make_inputs()
    weights = torch.linspace(-2, 3, ROWS, dtype=torch.float64, requires_grad=True)
    losses = F.cross_entropy(head(hidden), targets, ignore_index=IGNORE, label_smoothing=smoothing, reduction="none")
    expected = (losses * weights).sum()
    loss = linear_cross_entropy(hidden, head, targets, smoothing, weights)
    torch.testing.assert_close(loss.total, expected)
    assert int(loss.count) == 7
    with torch.no_grad():
        torch.testing.assert_close(linear_cross_entropy(hidden, head, targets, smoothing, weights).total, expected)
    inputs = (hidden, weights, *head.parameters())
    for ours, theirs in zip(gradients(loss.total / 3, *inputs), gradients(expected / 3, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_weights_of_one_change_nothing_and_of_what_is_not_asked_do_not_matter() -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    ones = torch.ones(ROWS, dtype=torch.float64)
    spoilt = ones.masked_fill(targets == IGNORE, float("nan"))
    plain, weighted, other = (linear_cross_entropy(hidden, head, targets, 0.1, w).total for w in (None, ones, spoilt))
    torch.testing.assert_close(weighted, plain)
    assert torch.equal(other, weighted)
    for ours, theirs in zip(
        gradients(other, hidden, head.table.weight), gradients(weighted, hidden, head.table.weight), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("rows", [1, 4, 11, 50])
@pytest.mark.parametrize("bias", [True, False])
def test_log_probabilities_are_log_softmaxs(bias: bool, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks_of(rows, monkeypatch)
    head, (hidden, targets) = make_head(bias), make_inputs()
    counted = targets != IGNORE
    logits = head(hidden).log_softmax(-1)
    expected = logits.gather(1, targets.where(counted, 0)[:, None])[:, 0].masked_fill(~counted, 0.0)
    ours = log_probabilities(hidden, head, targets)
    torch.testing.assert_close(ours, expected)
    assert not ours[~counted].any()
    torch.testing.assert_close(-ours.sum(), linear_cross_entropy(hidden, head, targets).total)
    upstream = torch.linspace(-2, 3, ROWS, dtype=torch.float64)
    inputs = (hidden, *head.parameters())
    ours, theirs = (torch.autograd.grad(x, inputs, upstream) for x in (ours, expected))
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference)


def test_the_log_probability_of_a_row_is_the_sum_over_its_positions() -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    rows = log_probabilities(hidden[:10].view(2, 5, WIDTH), head, targets[:10].view(2, 5))
    assert rows.shape == (2, 5)
    for row, piece in zip(rows.sum(-1), (slice(0, 5), slice(5, 10)), strict=True):
        torch.testing.assert_close(row, -linear_cross_entropy(hidden[piece], head, targets[piece]).total)


def test_slopes_of_log_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks_of(3, monkeypatch)
    head, (hidden, targets) = make_head(bias=True), make_inputs()

    def ratio(*inputs: Tensor) -> Tensor:
        """A policy's clipped ratio, whose gradient at each position depends on what stands upstream."""
        return log_probabilities(inputs[0], head, targets).exp().clamp(0.01, 0.2)

    assert torch.autograd.gradcheck(ratio, (hidden, *head.parameters()))


def test_log_probabilities_of_no_rows_and_of_nothing_asked() -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    assert log_probabilities(hidden[:0].view(2, 0, WIDTH), head, targets[:0].view(2, 0)).shape == (2, 0)
    rows = log_probabilities(hidden, head, targets.fill_(IGNORE))
    assert not rows.any()
    assert all(not grad.any() for grad in gradients(rows.sum(), hidden, *head.parameters()))


@pytest.mark.parametrize("of_rows", [False, True])
def test_neither_weights_nor_log_probabilities_need_all_logits(of_rows: bool) -> None:
    rows, width, vocabulary = 2000, 8, 50_257
    head = Head(vocabulary, width, bias=True, tied=None)
    nn.init.zeros_(head.table.weight)
    hidden, targets = torch.zeros(rows, width, requires_grad=True), torch.zeros(rows, dtype=torch.long)
    with Largest() as largest:
        if of_rows:
            log_probabilities(hidden, head, targets).square().sum().backward()
        else:
            linear_cross_entropy(hidden, head, targets, weights=torch.ones(rows)).total.backward()
    assert largest.numbers == entropy.LEAST_ROWS * vocabulary


def test_log_probabilities_under_autocast_are_of_fp32() -> None:
    head, (hidden, targets) = make_head(bias=True, dtype=torch.float32), make_inputs(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        rows = log_probabilities(hidden, head, targets)
        rows.sum().backward()
    exact = log_probabilities(hidden, head, targets)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, exact, atol=0.1, rtol=0.05)
    assert hidden.grad is not None
    assert hidden.grad.dtype == torch.float32
    assert head.table.weight.grad is not None
    (right,) = torch.autograd.grad(exact.sum(), head.table.weight)
    assert error(head.table.weight.grad, right.double()) < 0.02


@pytest.mark.parametrize("weighted", [False, True])
def test_picking_out_what_is_asked_changes_nothing(weighted: bool) -> None:
    head, (hidden, targets) = make_head(bias=True), make_inputs()
    weights = torch.linspace(-2, 3, ROWS, dtype=torch.float64) if weighted else None
    losses = [linear_cross_entropy(hidden, head, targets, 0.1, weights, sparse=sparse) for sparse in (False, True)]
    torch.testing.assert_close(losses[1].total, losses[0].total)
    assert torch.equal(losses[1].count, losses[0].count)
    inputs = hidden, *head.parameters()
    for ours, theirs in zip(*(gradients(loss.total, *inputs) for loss in losses), strict=True):
        torch.testing.assert_close(ours, theirs)
