"""Layers that are shared out among processes, all of which work on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from langue import kernels
from langue.errors import LangueError
from langue.nn.attention import Attention, CrossAttention
from langue.nn.feedforward import Feedforward
from langue.nn.linear import Linear, LinearLayer
from langue.nn.position import RelativePosition
from langue.parallel.processes import same_rows
from langue.parallel.strategy import Partition, Strategy, cut_of


class TensorParallel(Strategy):
    """Tensor parallelism (Shoeybi et al. 2019, "Megatron-LM", section 3).

    Each process has a share of the heads of attention and of the numbers inside a feedforward layer: rows of the
    matrices that make them, and columns of the one that gives the layer's output, which is added up over the processes.
    Everything else is in every process and computed by each: embeddings, norms, heads over the vocabulary, and mixers
    whose numbers all need each other (recurrence, windows, convolution, the older attentions).

    Heads that do not come out even are refused: whoever chooses this wants less in each process, and not to have it
    all without a word.
    """

    def __init__(self, device: torch.device):
        super().__init__(device)
        self.part, self.parts = self.rank, self.shares
        self.rank, self.shares = 0, 1
        self._layers: list[tuple[Linear, type[Linear]]] = []

    def place(self, model: nn.Module) -> None:
        for layer in list(model.modules()):
            if isinstance(layer, Attention | CrossAttention | Feedforward):
                self._share_out(layer)
            elif isinstance(layer, RelativePosition):
                _cut(layer.weight, Partition(1, (layer.weight.shape[1],)))
        if not self._layers:
            raise LangueError(
                "training.parallel: tensor shares out attention and feedforward layers, of which this model has none; "
                "take replicated or sharded"
            )
        self._split()

    def _share_out(self, layer: Attention | CrossAttention | Feedforward) -> None:
        """Give this process its share of a layer's parts, which know nothing of each other."""
        if isinstance(layer, Attention) and layer.shares_norm:
            raise LangueError(
                "training.parallel: tensor cannot share out query_key_norm: joint, for which a layer's heads are "
                "needed together; take replicated or sharded"
            )
        name, count = _parts(layer)
        if count % self.parts:
            raise LangueError(
                f"training.parallel: tensor cannot share out {name} {count} among {self.parts} processes; take a "
                "number of processes that divides it, or training.parallel: sharded"
            )
        for child in layer.children():
            if not isinstance(child, LinearLayer):
                continue
            if type(child) is not Linear:
                raise LangueError(
                    "training.parallel: tensor shares out plain matrices alone, not those of adapters or few bits; "
                    "take replicated or sharded"
                )
            kind = RowLinear if child is layer.output else ColumnLinear
            self._layers.append((child, kind))
            kind.cut(child)
        for parameter in layer.parameters(recurse=False):  # which all parts go through
            if parameter.requires_grad:
                parameter.register_hook(_sum)

    def _split(self) -> None:
        for layer, kind in self._layers:
            layer.__class__ = kind

    @contextmanager
    def accumulating(self, module: nn.Module, is_last: bool) -> Iterator[None]:
        if self.device.type == "cuda":  # whose attention drops by torch's generator, other weights in each process
            torch.cuda.manual_seed(torch.cuda.initial_seed() + self.part)
        with kernels.heads_of_part(self.part), same_rows():
            yield

    def add_up(self, sums: Tensor) -> None:
        # The rows of all are the same; a clock or a signal may be one process's alone.
        distributed.all_reduce(sums, distributed.ReduceOp.MAX)

    @contextmanager
    def gathered(self, module: nn.Module) -> Iterator[None]:
        with ExitStack() as stack:
            for parameter in module.parameters():
                cut = cut_of(parameter)
                if cut is not None:
                    stack.callback(setattr, parameter, "data", parameter.data)
                    parameter.data = cut.whole(parameter.data)
            stack.callback(self._split)
            for layer, _ in self._layers:
                layer.__class__ = Linear
            yield


class ColumnLinear(Linear):
    """The first matrix of a layer that is shared out: each process has some rows of each block, and a part of y."""

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return super().product(_SumOfGradients.apply(x), bias)

    @staticmethod
    def cut(layer: Linear) -> None:
        """Keep this process's part of a whole layer."""
        for parameter in layer.parameters():
            _cut(parameter, Partition(0, layer.blocks))


class RowLinear(Linear):
    """The last matrix of a layer that is shared out: each process has the columns for its part of x; y is the sum."""

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        y = _Sum.apply(super().product(x, None))
        return y if bias is None else y + bias.to(y.dtype)

    @staticmethod
    def cut(layer: Linear) -> None:
        """Keep this process's part of a whole layer."""
        _cut(layer.weight, Partition(1, (layer.in_features,)))


def _parts(layer: Attention | CrossAttention | Feedforward) -> tuple[str, int]:
    """The name and number of the parts that a layer falls into between its first matrices and its output."""
    if isinstance(layer, Attention):
        return ("heads" if layer.heads == layer.key_heads else "key_heads"), layer.key_heads
    if isinstance(layer, CrossAttention):
        return "heads", layer.heads
    return "a feedforward_width of", layer.output.in_features


def _cut(parameter: Tensor, cut: Partition) -> None:
    parameter.data = cut.part(parameter.data)
    parameter.cut = cut  # type: ignore[attr-defined]


def _sum(x: Tensor) -> Tensor:
    total = x.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


class _SumOfGradients(torch.autograd.Function):
    """The identity, whose gradients are summed over processes that each use it otherwise (f of Megatron-LM)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return _sum(grad)


class _Sum(torch.autograd.Function):
    """The sum of what the processes have (g of Megatron-LM), which all of them then do the same with."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _sum(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad
