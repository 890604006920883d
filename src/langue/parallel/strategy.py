"""Strategies of training on several devices: they place a model, add up gradients, and gather what is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from langue.parallel.processes import from_all, process_group


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

    def shares_of_all(self, value: Any) -> list[Any]:
        """The values that the processes have which learn from different rows, by their rank; every process has to
        ask."""
        return [value]

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

    def shares_of_all(self, value: Any) -> list[Any]:
        return from_all(value)


# Without annotations, which DDP would compare with types, and ours are strings.
def _sum_hook(state, bucket):
    """Sum the gradients of a bucket: losses are sums, and the trainer divides by the number of targets itself."""
    work = distributed.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


def strategy_of(kind: Literal["replicated", "sharded", "tensor"], device: torch.device) -> Strategy:
    """The strategy of a name, or `Single` where there is one process; joins the group that was started."""
    _, processes = process_group(device)
    if processes == 1:
        return Single(device)
    if kind == "replicated":
        return Replicated(device)
    if kind == "tensor":
        from langue.parallel.tensor import TensorParallel  # which imports layers

        return TensorParallel(device)
    from langue.parallel.sharded import Sharded  # whose import takes a second

    return Sharded(device)


@dataclass(frozen=True)
class Partition:
    """A parameter's parts, of which each process holds one: an equal share of each stacked block, along one dimension.

    DTensor has no such placement: it would cut straight through queries, keys and values. So a part is a plain tensor,
    and the parameter it is of has this for its attribute `cut`.

    Args:
        dimension: along which it is cut.
        blocks: lengths of the blocks along it, each a multiple of the number of processes.
    """

    dimension: int
    blocks: tuple[int, ...]

    def part(self, whole: Tensor) -> Tensor:
        """This process's part of what all of them have whole."""
        rank, world = distributed.get_rank(), distributed.get_world_size()
        blocks = whole.split(self.blocks, self.dimension)
        return torch.cat([block.chunk(world, self.dimension)[rank] for block in blocks], self.dimension)

    def whole(self, part: Tensor) -> Tensor:
        """All parts put together; every process has to ask."""
        world = distributed.get_world_size()
        parts = [torch.empty_like(part) for _ in range(world)]
        distributed.all_gather(parts, part.contiguous())
        pieces = [piece.split([length // world for length in self.blocks], self.dimension) for piece in parts]
        return torch.cat([piece for block in zip(*pieces, strict=True) for piece in block], self.dimension)

    def outline(self, part: Tensor) -> Tensor:
        """A tensor with the shape and kind of the whole, and no content."""
        shape = list(part.shape)
        shape[self.dimension] = sum(self.blocks)
        return part.new_empty(shape, device="meta")


def cut_of(parameter: Tensor) -> Partition | None:
    """The partition of a parameter of which this process holds a part as a plain tensor; None of whole ones."""
    return getattr(parameter, "cut", None)


def is_part(tensor: Tensor) -> bool:
    """True if a tensor is a `DTensor`, of which this process holds a part; without an import that takes a second."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor, like: Tensor | None = None) -> Tensor:
    """A tensor with all that other processes hold of it; every process has to ask.

    Args:
        tensor: what may be a part.
        like: the parameter that it is cut as where it has its shape; None for a parameter itself.
    """
    like = tensor if like is None else like
    cut = cut_of(like)
    if cut is not None and tensor.shape == like.shape:
        return cut.whole(tensor)
    return tensor.full_tensor() if is_part(tensor) else tensor  # type: ignore[attr-defined]


def whole_all(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """`whole` of each."""
    like = tensors if like is None else like
    return {name: whole(tensor.detach(), like[name]) for name, tensor in tensors.items()}


def outline_of(parameter: Tensor) -> Tensor:
    """A tensor with the shape and kind of a parameter as it is when it is whole."""
    cut = cut_of(parameter)
    return parameter if cut is None else cut.outline(parameter)


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor that all of them have, cut as a parameter of its shape is."""
    cut = cut_of(like)
    if cut is not None and tensor.shape == cut.outline(like).shape:
        return cut.part(tensor).to(like.device)
    if is_part(like) and like.shape == tensor.shape:
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(like, DTensor)
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
    return tensor.to(like.device)


def total_norm(parameters: Sequence[Tensor]) -> Tensor:
    """The length of all gradients of parameters together, whoever holds them."""
    gradients = [(parameter.grad, cut_of(parameter)) for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(())
    norm = whole(nn.utils.get_total_norm([gradient for gradient, cut in gradients if cut is None]))
    cut_ones = [gradient for gradient, cut in gradients if cut is not None]
    if not cut_ones:
        return norm
    own = nn.utils.get_total_norm(cut_ones)
    norms = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(norms, own)
    return torch.linalg.vector_norm(torch.stack([norm, *norms]))
