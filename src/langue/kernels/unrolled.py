"""GRU and RNN on a CPU, written out: torch has a fast kernel there for the LSTM alone.

Everything that does not wait for the step before is done for all steps at once: the products with the inputs on the
way forward, the factors of all gates' gradients and the weights' gradients on the way back. A training step of a small
GRU takes three quarters of the time that it takes with torch's cell.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from langue.kernels.function import Function, backward_of_result, keep
from langue.kernels.products import multiplier, multiply, multiply_transposed
from langue.kernels.recurrence import Cell, Hidden


def is_known(cell: Cell) -> bool:
    """True if this file knows a cell: one layer of a GRU or RNN, forward only."""
    return cell.kind != "lstm" and not cell.both_ways


def walk(
    x: Tensor,
    cell: Cell,
    hidden: Hidden | None = None,
    valid: Tensor | None = None,
    documents: Tensor | None = None,
) -> tuple[Tensor, Hidden]:
    """See `langue.kernels.recurrent`."""
    start = x.new_zeros(x.shape[0], cell.width) if hidden is None else hidden[0][0]
    function = _GRU if cell.kind == "gru" else _RNN
    arguments = x.transpose(0, 1).contiguous(), *cell.weights[0], start
    output = (function.apply if torch.is_grad_enabled() else function.forward)(*arguments)[0]
    return output.transpose(0, 1), (output[-1][None],)


def _states(x: Tensor, h0: Tensor) -> Tensor:
    """Room for the states after each step of x (T, B, input), (T + 1, B, width), the first of which is there."""
    states = x.new_empty(x.shape[0] + 1, *h0.shape)
    states[0] = h0
    return states


class _GRU(Function):
    """x (T, B, input), gates stacked as reset, update, new (torch's order), h₀ (B, width) → (T, B, width)."""

    @staticmethod
    def forward(  # type: ignore[override]
        x: Tensor, w_in: Tensor, w_hidden: Tensor, b_in: Tensor, b_hidden: Tensor, h0: Tensor
    ) -> tuple[Tensor, ...]:
        length, rows, _ = x.shape
        width = h0.shape[1]
        gates = multiply(x, w_in, b_in)
        own = x.new_empty(length, rows, 3 * width)
        states = _states(x, h0)
        product = multiplier(h0, w_hidden)
        for before, after, here, sums in zip(states[:-1], states[1:], gates, own, strict=True):
            sums.copy_(product(before, w_hidden, b_hidden))
            here[:, : 2 * width].add_(sums[:, : 2 * width]).sigmoid_()
            reset, update, new = here.chunk(3, 1)
            new.addcmul_(reset, sums[:, 2 * width :]).tanh_()
            torch.lerp(new, before, update, out=after)
        return states[1:], states, gates, own

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        _, states, gates, own = output
        keep(ctx, states, gates, own)
        ctx.save_for_backward(*inputs[:3], gates, own, states)

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        x, w_in, w_hidden, gates, own, states = ctx.saved_tensors
        length, rows, _ = x.shape
        width = states.shape[2]
        reset, update, new = gates.chunk(3, 2)
        # The gradient of each gate's sum is the hidden state's, times a factor that is known beforehand. In columns:
        # new (through the hidden side), reset, update, new (through the input side).
        factors = gates.new_empty(length, rows, 4, width)
        of_hidden, of_reset, of_update, of_input = factors.unbind(2)
        torch.mul(1 - update, 1 - new * new, out=of_input)
        torch.mul(of_input, reset, out=of_hidden)
        torch.mul(of_hidden, own[:, :, 2 * width :], out=of_reset)
        of_reset.mul_(1 - reset)
        torch.mul(states[:-1] - new, update, out=of_update)
        of_update.mul_(1 - update)
        matrix = torch.cat([w_hidden[2 * width :], w_hidden[: 2 * width]]).t()
        flowing, product = grad.new_zeros(rows, width), multiplier(states, matrix)
        for step in range(length - 1, -1, -1):
            flowing = flowing + grad[step]
            factors[step].mul_(flowing[:, None])
            through = factors[step].view(rows, 4 * width)[:, : 3 * width]
            flowing = product(through, matrix, None).addcmul_(flowing, update[step])
        flat = factors.view(length * rows, 4 * width)
        hidden_side, input_side = flat[:, : 3 * width], flat[:, width:]
        by_w_hidden = multiply_transposed(hidden_side, states[:-1].flatten(0, 1))
        by_b_hidden = hidden_side.sum(0)
        return (
            multiply(input_side, w_in.t()).view_as(x),
            multiply_transposed(input_side, x.flatten(0, 1)),
            torch.cat([by_w_hidden[width:], by_w_hidden[:width]]),
            input_side.sum(0),
            torch.cat([by_b_hidden[width:], by_b_hidden[:width]]),
            flowing,
        )


class _RNN(Function):
    """x (T, B, input), h₀ (B, width) → (T, B, width), each state tanh of the sum of both products."""

    @staticmethod
    def forward(  # type: ignore[override]
        x: Tensor, w_in: Tensor, w_hidden: Tensor, b_in: Tensor, b_hidden: Tensor, h0: Tensor
    ) -> tuple[Tensor, ...]:
        inputs = multiply(x, w_in, b_in + b_hidden)
        states = _states(x, h0)
        product = multiplier(h0, w_hidden)
        for before, after, sums in zip(states[:-1], states[1:], inputs, strict=True):
            torch.add(product(before, w_hidden, None), sums, out=after).tanh_()
        return states[1:], states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        keep(ctx, output[1])
        ctx.save_for_backward(*inputs[:3], output[1])

    @staticmethod
    @backward_of_result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        x, w_in, w_hidden, states = ctx.saved_tensors
        factors = 1 - states[1:] * states[1:]
        flowing, matrix = grad.new_zeros(grad.shape[1:]), w_hidden.t()
        product = multiplier(factors, matrix)
        for step in range(x.shape[0] - 1, -1, -1):
            factors[step].mul_(flowing + grad[step])
            flowing = product(factors[step], matrix, None)
        flat = factors.flatten(0, 1)
        by_bias = flat.sum(0)
        by_w_hidden = multiply_transposed(flat, states[:-1].flatten(0, 1))
        by_x = multiply(flat, w_in.t()).view_as(x)
        return by_x, multiply_transposed(flat, x.flatten(0, 1)), by_w_hidden, by_bias, by_bias, flowing
