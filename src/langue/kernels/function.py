"""The base of operations that bring their own gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import unwrap_dead_wrappers
from torch.autograd.function import once_differentiable


class Function(torch.autograd.Function):
    """An autograd function in the form that `torch.func` can take apart: `forward` without a context, `setup_context`.

    What `backward` needs beside the arguments is returned by `forward` behind the result, without a gradient.
    """

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        """Torch's own, but for the names of the arguments, which it looks up at every call for longer than a norm."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*arguments)
        return super(torch.autograd.Function, cls).apply(*unwrap_dead_wrappers(arguments))  # type: ignore[attr-defined]


def keep(ctx: Any, *extra: Tensor | None) -> None:
    """Say of what was returned beside the result that it has no gradient, and needs no zeros in place of one."""
    ctx.mark_non_differentiable(*(tensor for tensor in extra if tensor is not None))
    ctx.set_materialize_grads(False)


def backward_of_result(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A `backward(ctx, grad)` of the result alone, from what was kept beside it, for `staticmethod`.

    A second derivative would take what was kept for constants, and is refused.
    """

    @wraps(backward)
    def call(ctx: Any, grad: Tensor | None, *_: None) -> Any:
        return (None,) * len(ctx.needs_input_grad) if grad is None else backward(ctx, grad)

    return once_differentiable(call)
