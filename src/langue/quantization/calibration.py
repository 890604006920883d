"""The inputs of a model's linear layers on calibration text, as much of them as rounding wants to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from langue.nn.linear import LinearLayer, UncalledLayers


@contextmanager
def recorded_inputs(layers: Mapping[str, LinearLayer], model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The sum of x·xᵀ over all inputs x of each layer inside, (inputs, inputs) in fp32 by its name.

    It is half the Hessian of the squared error that a change of any row of the matrix makes. Of a layer that is not
    called, the module that takes its matrix says its inputs; a table of embeddings has none.

    Args:
        layers: by name.
        model: that they are of.
    """
    moments: dict[str, Tensor] = {}
    names = {layer: name for name, layer in layers.items()}

    def add(layer: LinearLayer, x: Tensor) -> None:
        if layer in names:
            x, name = x.detach().flatten(0, -2).float(), names[layer]
            moments.setdefault(name, x.new_zeros(x.shape[1], x.shape[1])).addmm_(x.t(), x)

    def watch(module: UncalledLayers) -> torch.utils.hooks.RemovableHandle:
        def note(caller: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            for layer, x in module.inputs_in(inputs, output):
                add(layer, x)

        return module.caller.register_forward_hook(note)

    handles = [layer.register_forward_pre_hook(lambda layer, inputs: add(layer, inputs[0])) for layer in names]
    handles += [watch(module) for module in model.modules() if isinstance(module, UncalledLayers)]
    try:
        yield moments
    finally:
        for handle in handles:
            handle.remove()


def output_error(change: Tensor, moments: Tensor) -> float:
    """The squared change of a layer's output, summed over the inputs that were recorded."""
    return float(((change @ moments) * change).sum(dtype=torch.float64))
