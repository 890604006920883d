"""Products of fp32 with a matrix in eight bits, worked out in integers.

Each row of x is scaled by its own largest number and written with two digits of eight bits, which hold it as well as
fifteen bits do; the products of digits and codes are integers without any rounding. So a row's result has the same
bits whatever stands beside it. PyTorch's own dynamic products scale a batch by its largest row, and one digit alone
loses what matters in language models, whose inputs have a few numbers that are far larger than the others: in
SmolLM2-135M one digit moves the distribution of the next token by 0.05 nats (KL), while the rounding of the weights
moves it by 0.005, and what two digits leave out by less than 0.00001.

Measured on one core of a Sapphire Rapids with AVX-512 VNNI, torch 2.13, a matrix of 960 × 576: for 1, 8, 16 and 64 rows
fp32 takes 55, 150, 210 and 1,000 µs, and the two digits 27, 45, 66 and 180 µs. Half of the time of many rows goes into
writing digits and scaling sums. `torch.ops.onednn.qlinear_pointwise` scales within the product, and a row has the same
bits beside any others there too; with its two digits 256 rows take 0.75 to 1.05 of the time, and fewer as long or
longer, for which each matrix would have to be held twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from langue.kernels import widened
from langue.kernels.dispatch import work_out
from langue.kernels.function import Function, backward_of_result

LARGEST = 127
"""The largest digit."""
BASE = 2 * LARGEST
"""Second digits that make one first digit: what is left of a first digit is at most a half."""
_AT_ONCE = 64
"""Rows that are multiplied at once, whose products a core's cache holds until they are scaled: of 768 rows by a matrix
of 1,536 × 384 that takes 8 ms in place of 13. (fp32 takes 6: two digits are faster where memory is read for few rows.)
"""


def reference(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, digits: int = 2) -> Tensor:
    """x·(scales·codes)ᵀ (+ bias) of (…, k), (n, k) int8 and (n,) fp32."""
    return work_out("widened_linear", x, lambda rows: codes[rows] * scales[rows, None], len(codes), bias, codes)


def by_integers(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, digits: int = 2) -> Tensor:
    """The same, x being rounded to one digit or two."""
    if torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)):
        return _IntegerLinear.apply(x, codes, scales, bias, digits)
    return _forward(x, codes, scales, bias, digits)


@cache
def are_exact() -> bool:
    """True if this processor multiplies bytes without cutting off sums, as those without VNNI do, and fast."""
    if not torch.backends.mkldnn.is_available() or not torch.cpu._is_vnni_supported():
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    extreme = torch.full((32, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(extreme, -extreme.t()) == -64 * LARGEST**2).all())


def suit(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, digits: int = 2) -> bool:
    """True if torch's product in integers is right: of one column it is not, and of very many, sums leave 32 bits."""
    return x.numel() > 0 and 1 < x.shape[-1] < 2**31 // LARGEST**2


class _IntegerLinear(Function):
    @staticmethod
    def forward(  # type: ignore[override]
        x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, digits: int
    ) -> Tensor:
        return _forward(x, codes, scales, bias, digits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Tensor | None, int], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:3])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        codes, scales = ctx.saved_tensors
        by_x, _, _, by_bias, _ = ctx.needs_input_grad
        return (
            widened.back(grad * scales, lambda rows: codes[rows], len(codes)) if by_x else None,
            None,
            None,
            grad.flatten(0, -2).sum(0) if by_bias else None,
            None,
        )


def _forward(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, digits: int) -> Tensor:
    flat = x.reshape(-1, x.shape[-1])
    multiply = _by_one_digit if digits == 1 else _by_two_digits
    output = torch.cat([multiply(rows, codes, scales) for rows in flat.split(_AT_ONCE)])
    if bias is not None:
        output += bias
    return output.view(*x.shape[:-1], -1)


def _by_one_digit(x: Tensor, codes: Tensor, scales: Tensor) -> Tensor:
    sizes = x.abs().amax(-1, keepdim=True).clamp_(min=1e-30).div_(LARGEST)
    digits = (x * sizes.reciprocal()).round_().to(torch.int8)
    return torch._int_mm(digits, codes.t()).float().mul_(scales).mul_(sizes)


def _by_two_digits(x: Tensor, codes: Tensor, scales: Tensor) -> Tensor:
    sizes, digits = split(x)
    first, second = _products(digits, codes.t())
    # No operation with a factor of its own, such as addcmul: where a vector ends it may round once or twice.
    return second.float().mul_(1 / BASE).add_(first).mul_(scales).mul_(sizes)


def _products(digits: Tensor, codes: Tensor) -> Sequence[Tensor]:
    """The first and the second digits by a matrix, in int32. Single rows take half as long one after the other."""
    if len(digits) == 2:
        return [torch._int_mm(digit, codes) for digit in digits.split(1)]
    return torch._int_mm(digits, codes).chunk(2)


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (m, k) as sizes (m, 1) and digits (2 m, k) int8, first digits first: x ≈ size · (first + second / 254)."""
    largest = x.abs().amax(-1, keepdim=True).clamp_(min=1e-30)  # so that a row of zeros stays one
    left = x * largest.reciprocal().mul_(LARGEST)
    first = left.round()
    digits = torch.cat([first, left.sub_(first).mul_(BASE).round_()]).to(torch.int8)
    return largest.div_(LARGEST), digits
