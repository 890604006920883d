"""Strategies of training on several devices: they place a model, add up gradients, and gather what is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from langue.parallel.processes import process_group


class Strategy:
    """One process with one device; the base of the others.

    Args:
        device: of this process.

    Attributes:
        rank: which share of the rows this process learns from, 0 … shares − 1.
        shares: into how many the rows of a step are divided.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.rank, self.shares = process_group(device)

    def place(self, model: nn.Module) -> None:
        """Give this process its part of a model's parameters, in place, before an optimizer is built of them."""

    def wrap(self, module: nn.Module, try_out: Callable[[], object]) -> nn.Module:
        """The module to be called in training.

        Args:
            module: whose parameters it has.
            try_out: makes gradients by `module`, to see which of its parameters have any.
        """
        return module

    @contextmanager
    def accumulating(self, module: nn.Module, is_last: bool) -> Iterator[None]:
        """A forward and backward pass of `wrap`'s module inside; gradients are added up over processes in the last."""
        yield

    def add_up(self, sums: Tensor) -> None:
        """Replace numbers by their sums over the processes that learn from different rows."""

    @contextmanager
    def gathered(self, module: nn.Module) -> Iterator[None]:
        """Inside, the parameters of `place`'s model are whole, for every kind of call."""
        yield


class Single(Strategy):
    """One process alone."""


class Replicated(Strategy):
    """Data parallelism: a copy of the model in each process (Li et al. 2020, "PyTorch Distributed")."""

    def wrap(self, module: nn.Module, try_out: Callable[[], object]) -> nn.Module:
        # A task may leave some of a model out, such as the head over the vocabulary where texts are classified.
        try_out()
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        unused = any(parameter.grad is None for parameter in learning)
        for parameter in learning:
            parameter.grad = None
        on_gpu = [self.device.index] if self.device.type == "cuda" else None
        wrapped = DistributedDataParallel(
            module,
            device_ids=on_gpu,
            find_unused_parameters=unused,
            gradient_as_bucket_view=True,
            forward_sync_buffers=False,
        )
        wrapped.register_comm_hook(None, _sum_hook)
        return wrapped

    @contextmanager
    def accumulating(self, module: nn.Module, is_last: bool) -> Iterator[None]:
        if is_last or not isinstance(module, DistributedDataParallel):
            yield
        else:
            with module.no_sync():
                yield

    def add_up(self, sums: Tensor) -> None:
        distributed.all_reduce(sums)


# Without annotations, which DDP would compare with types, and ours are strings.
def _sum_hook(state, bucket):
    """Sum the gradients of a bucket: losses are sums, and the trainer divides by the number of targets itself."""
    work = distributed.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


def strategy_of(kind: Literal["replicated", "sharded"], device: torch.device) -> Strategy:
    """The strategy of a name, or `Single` where there is one process; joins the group that `torchrun` describes."""
    _, processes = process_group(device)
    if processes == 1:
        return Single(device)
    if kind == "replicated":
        return Replicated(device)
    from langue.parallel.sharded import Sharded  # whose import takes a second

    return Sharded(device)


def is_part(tensor: Tensor) -> bool:
    """True if a tensor is a `DTensor`, of which this process holds a part; without an import that takes a second."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all that other processes hold of it; every process has to ask."""
    return tensor.full_tensor() if is_part(tensor) else tensor  # type: ignore[attr-defined]


def whole_all(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`whole` of each."""
    return {name: whole(tensor.detach()) for name, tensor in tensors.items()}


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor that all of them have, cut as another of its shape is."""
    if is_part(like) and like.shape == tensor.shape:
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(like, DTensor)
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
    return tensor.to(like.device)


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The length of all gradients together, whoever holds them."""
    return whole(nn.utils.get_total_norm(gradients)) if gradients else torch.zeros(())
