"""The divergence from a teacher in chunks, beside the cross-entropy: against a plain one of torch's, and by slopes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from langue import kernels
from langue.kernels import Teaching, distillation, entropy

ROWS, WIDTH, TEACHERS_WIDTH, VOCABULARY = 9, 5, 7, 12


def make(biased: bool = True) -> tuple[list[Tensor | None], Tensor, Tensor, list[Tensor | None]]:
    """Student, targets, which of them count, and teacher, in float64."""
    draws = torch.Generator().manual_seed(0)

    def side(width: int, learns: bool) -> list[Tensor | None]:
        shapes = (ROWS, width), (VOCABULARY, width), (VOCABULARY,)
        tensors = [torch.randn(shape, generator=draws, dtype=torch.float64) for shape in shapes]
        return [*[x.requires_grad_(learns) for x in tensors[:2]], tensors[2].requires_grad_(learns) if biased else None]

    student, teacher = side(WIDTH, True), side(TEACHERS_WIDTH, False)
    counted = torch.arange(ROWS) % 4 != 1
    targets = torch.randint(VOCABULARY, (ROWS,), generator=draws)
    return student, targets.where(counted, -7), counted, teacher


def in_chunks(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropy, "CHUNK", {"cpu": rows * VOCABULARY})
    monkeypatch.setattr(entropy, "LEAST_ROWS", 1)


def plain(student, targets, counted, smoothing, teacher, temperature, share, top, cap=None) -> Tensor:
    """As it is written by hand: all logits, and torch's own KL."""
    scores, taught = (F.linear(*side)[counted] for side in (student, teacher))
    if cap is not None:
        scores, taught = cap * (scores / cap).tanh(), 2 * cap * (taught / cap / 2).tanh()
    hard = F.cross_entropy(scores, targets[counted], reduction="sum", label_smoothing=smoothing)
    theirs = taught / temperature
    if top is not None:
        kept = theirs.topk(top).indices
        theirs = torch.full_like(theirs, -torch.inf).scatter(1, kept, theirs.gather(1, kept))
    soft = F.kl_div((scores / temperature).log_softmax(-1), theirs.softmax(-1), reduction="sum")
    return (1 - share) * hard + share * temperature**2 * soft


@pytest.mark.parametrize("rows", [1, 4, 50])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("temperature", "share", "top"), [(1.0, 0.3, None), (2.0, 0.5, None), (3.0, 1.0, 4)])
def test_both_ways_are_torchs_own(biased, rows, temperature, share, top, monkeypatch):
    in_chunks(rows, monkeypatch)
    student, targets, counted, teacher = make(biased)
    leaves = [tensor for tensor in student if tensor is not None]
    expected = plain(student, targets, counted, 0.1, teacher, temperature, share, top)
    slopes = torch.autograd.grad(expected * 0.7, leaves)
    for way in (distillation.reference, distillation.chunked, kernels.distill):
        total, measured = way(*student, targets, counted, 0.1, Teaching(*teacher, temperature, share, top))
        torch.testing.assert_close(total, expected, rtol=1e-6, atol=1e-6)
        for ours, theirs in zip(torch.autograd.grad(total * 0.7, leaves), slopes, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close((1 - share) * measured[0] + share * measured[1], expected, rtol=1e-6, atol=1e-6)
        scores, taught = (F.linear(*side)[counted] for side in (student, teacher))
        assert measured[2] == (scores.argmax(1) == taught.argmax(1)).sum()


@pytest.mark.parametrize("top", [None, 4])
def test_capped_logits_of_both_sides(top, monkeypatch):
    in_chunks(4, monkeypatch)
    student, targets, counted, teacher = make(True)
    expected = plain(student, targets, counted, 0.1, teacher, 2.0, 0.4, top, cap=1.5)
    slopes = torch.autograd.grad(expected, student)
    for way in (distillation.reference, distillation.chunked, kernels.distill):
        total, _ = way(*student, targets, counted, 0.1, Teaching(*teacher, 2.0, 0.4, top, 3.0), 1.5)
        torch.testing.assert_close(total, expected, rtol=1e-6, atol=1e-6)
        for ours, theirs in zip(torch.autograd.grad(total, student), slopes, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_slopes_by_finite_differences(monkeypatch):
    in_chunks(3, monkeypatch)
    student, targets, counted, teacher = make()

    def total(*student: Tensor) -> Tensor:
        return kernels.distill(*student, targets, counted, 0.1, Teaching(*teacher, 2.0, 0.6, 5))[0]

    assert torch.autograd.gradcheck(total, student)


def test_single_precision_is_as_exact_as_it_can_be():
    student, targets, counted, teacher = make()
    expected = plain(student, targets, counted, 0.0, teacher, 2.0, 0.5, None)
    single = [tensor.detach().float() for tensor in (*student, *teacher)]
    total, _ = kernels.distill(*single[:3], targets, counted, 0.0, Teaching(*single[3:], 2.0, 0.5, None))
    torch.testing.assert_close(total.double(), expected, rtol=1e-6, atol=1e-6)


def test_a_student_that_says_what_the_teacher_says_has_nothing_to_learn():
    student, targets, counted, _ = make()
    total, measured = kernels.distill(*student, targets, counted, 0.0, Teaching(*student, 2.0, 1.0, None))
    assert total.abs() < 1e-12
    assert measured[2] == counted.sum()
    assert all(slope.abs().max() < 1e-12 for slope in torch.autograd.grad(total, student))


def test_the_teacher_gets_no_gradient():
    student, targets, counted, teacher = make()
    for tensor in teacher:
        tensor.requires_grad_()
    kernels.distill(*student, targets, counted, 0.0, Teaching(*teacher, 2.0, 0.5, None))[0].backward()
    assert all(tensor.grad is None for tensor in teacher)


def test_what_is_not_asked_may_be_anything():
    student, targets, counted, teacher = make()
    clean = kernels.distill(*student, targets, counted, 0.1, Teaching(*teacher, 2.0, 0.5, None))[0]
    spoilt = [x.detach().masked_fill(~counted[:, None], 1e300) for x in (student[0], teacher[0])]
    weight = student[1]
    arguments = spoilt[0], weight, student[2], targets, counted, 0.1, Teaching(spoilt[1], *teacher[1:], 2.0, 0.5, None)
    total = kernels.distill(*arguments)[0]
    torch.testing.assert_close(total, clean)
    assert torch.autograd.grad(total, weight)[0].isfinite().all()


def test_transforms_see_the_same():
    student, targets, counted, teacher = make()

    def total(hidden: Tensor) -> Tensor:
        return kernels.distill(hidden, *student[1:], targets, counted, 0.1, Teaching(*teacher, 2.0, 0.5, 3))[0]

    torch.testing.assert_close(grad(total)(student[0].detach()), torch.autograd.grad(total(student[0]), student[0])[0])


class Largest(TorchDispatchMode):
    """Remembers the largest tensor, in numbers, that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func: Callable, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.numbers = max(self.numbers, leaf.numel())
        return result


def test_neither_has_all_its_logits_at_once():
    rows, width, vocabulary = 2000, 8, 20_000
    student, teacher = (torch.zeros(rows, width, requires_grad=learns) for learns in (True, False))
    weights = [torch.zeros(vocabulary, width, requires_grad=learns) for learns in (True, False)]
    targets = torch.zeros(rows, dtype=torch.long)
    everywhere = torch.ones(rows, dtype=torch.bool)
    with Largest() as largest:
        arguments = (
            student,
            weights[0],
            None,
            targets,
            everywhere,
            0.0,
            Teaching(teacher, weights[1], None, 2.0, 0.5, 10),
        )
        kernels.distill(*arguments)[0].backward()
    assert largest.numbers == entropy.LEAST_ROWS * vocabulary
