"""Parameters that are shared out among processes, and gathered block by block when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as distributed
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard

from langue.nn.block import Block
from langue.parallel.processes import from_all, same_calls
from langue.parallel.strategy import Strategy


class Sharded(Strategy):
    """Fully sharded data parallelism (Zhao et al. 2023, "PyTorch FSDP"; Rajbhandari et al. 2020, "ZeRO", stage 3).

    Each block is gathered when it is called, and everything outside of the blocks once for a forward and backward pass.
    """

    def place(self, model: nn.Module) -> None:
        single = {parameter for parameter in model.parameters() if parameter.ndim == 0}  # which have no share
        for part in [part for part in model.modules() if isinstance(part, Block)]:
            fully_shard(part, ignored_params=single)
        fully_shard(model, reshard_after_forward=False, ignored_params=single)
        fully_shard.state(model)._lazy_init()  # type: ignore[attr-defined]  # blocks may be called before the whole
        for part in _sharded_parts(model):
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)  # gloo cannot multiply by that factor of 1 on the way

    @contextmanager
    def accumulating(self, module: nn.Module, is_last: bool) -> Iterator[None]:
        for part in _sharded_parts(module):
            part.set_requires_gradient_sync(is_last, recurse=False)
        with same_calls():
            yield

    def add_up(self, sums: Tensor) -> None:
        distributed.all_reduce(sums)

    def shares_of_all(self, value: Any) -> list[Any]:
        return from_all(value)

    @contextmanager
    def gathered(self, module: nn.Module) -> Iterator[None]:
        parts = _sharded_parts(module)
        for part in parts:
            part.set_reshard_after_forward(False, recurse=False)
            part.unshard()
        try:
            yield
        finally:
            for part in parts:
                part.reshard()
                part.set_reshard_after_forward(part is not module, recurse=False)


def _sharded_parts(module: nn.Module) -> list[FSDPModule]:
    return [part for part in module.modules() if isinstance(part, FSDPModule)]
