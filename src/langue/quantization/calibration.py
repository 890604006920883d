"""The inputs of a model's linear layers on calibration text, as much of them as rounding wants to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from langue.nn.linear import LinearLayer


@contextmanager
def recorded_inputs(layers: Mapping[str, LinearLayer]) -> Iterator[dict[str, Tensor]]:
    """The sum of x·xᵀ over all inputs x of each layer that is called inside, (inputs, inputs) in fp32 by its name.

    It is half the Hessian of the squared error that a change of any row of the matrix makes. Matrices that are not
    called, as those of a recurrent cell and of the head, get none.
    """
    moments: dict[str, Tensor] = {}

    def watch(name: str, layer: LinearLayer) -> torch.utils.hooks.RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().flatten(0, -2).float()
            if name not in moments:
                moments[name] = x.new_zeros(x.shape[1], x.shape[1])
            moments[name].addmm_(x.t(), x)

        return layer.register_forward_pre_hook(add)

    handles = [watch(name, layer) for name, layer in layers.items()]
    try:
        yield moments
    finally:
        for handle in handles:
            handle.remove()


def output_error(change: Tensor, moments: Tensor) -> float:
    """The squared change of a layer's output, summed over the inputs that were recorded."""
    return float(((change @ moments) * change).sum(dtype=torch.float64))
