"""Importance of a model's parts: how much each adds, on text that the model is run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from langue.models import Model, evaluating
from langue.pruning.units import UnitLayer

Run = Callable[[Model], object]
"""A function that runs a model on the calibration text, row by row and without padding."""


def unit_importance(model: Model, layers: Mapping[str, UnitLayer], run: Run) -> dict[str, Tensor]:
    """The importance of each unit of some layers: (units,) in float64 on the CPU, by the layer's name.

    It is Σ ‖W_u·a_u‖² over all positions of the text: the squared norm of what the unit adds to the layer's output, by
    its activations a_u and the columns W_u that take them up. Of a channel this is the activation × weight of Wanda
    (Sun et al. 2024, equation 1) for a whole column, as FLAP has it (An et al. 2024, section 3.2).
    """
    grams: dict[str, Tensor] = {}

    def watch(name: str, layer: UnitLayer) -> RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            units = inputs[0].detach().flatten(0, -2).unflatten(-1, (layer.count, -1)).to(_precise(inputs[0]))
            gram = torch.einsum("nuk,nul->ukl", units, units).cpu().double()
            grams[name] = gram if name not in grams else grams[name] + gram

        return layer.output.register_forward_pre_hook(add)

    with _watched([watch(name, layer) for name, layer in layers.items()], model):
        run(model)
    return {name: _of_gram(layer, grams.get(name)) for name, layer in layers.items()}


@torch.no_grad()
def _of_gram(layer: UnitLayer, gram: Tensor | None) -> Tensor:
    """Σ ‖W_u·a_u‖² = trace(W_u·(Σ a_u·a_uᵀ)·W_uᵀ) of each unit; zeros for a layer that nothing went through."""
    weight = layer.output.matrix().detach().cpu().double().unflatten(1, (layer.count, -1))
    if gram is None:
        return weight.new_zeros(layer.count)
    return torch.einsum("ouk,ukl,oul->u", weight, gram, weight)


def block_importance(model: Model, blocks: Mapping[str, nn.Module], run: Run) -> dict[str, float]:
    """The influence of each block, by its name: 1 − the mean cosine of what goes in and what comes out, over all
    positions of the text (Men et al. 2024, "ShortGPT", equation 1).

    A block that changes the width, or that nothing went through, has an influence of 2, more than any other can.
    """
    sums: dict[str, tuple[float, int]] = {}

    def watch(name: str, block: nn.Module) -> RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            before, after = (x.detach().to(_precise(x)) for x in (inputs[0], output))
            if before.shape != after.shape:
                return
            total, count = sums.get(name, (0.0, 0))
            cosines = F.cosine_similarity(before, after, dim=-1)
            sums[name] = total + float((1 - cosines).sum()), count + cosines.numel()

        return block.register_forward_hook(add)

    with _watched([watch(name, block) for name, block in blocks.items()], model):
        run(model)
    return {name: sums[name][0] / sums[name][1] if name in sums else 2.0 for name in blocks}


def _precise(x: Tensor) -> torch.dtype:
    """The type in which a tensor's numbers are added up on its own device: fp32, or fp64 if it has that."""
    return torch.promote_types(x.dtype, torch.float32)


@contextmanager
def _watched(handles: list[RemovableHandle], model: Model) -> Iterator[None]:
    """Let hooks see what a model computes in evaluation mode, and remove them afterwards."""
    try:
        with evaluating(model), torch.inference_mode():
            yield
    finally:
        for handle in handles:
            handle.remove()
