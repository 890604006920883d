"""The linear layer of trunk and heads, and the factory that all of them come from.

The factory can be replaced while a model is built, so that the same model has weights made of something else: with an
adapter beside them, say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

from langue import kernels
from langue.nn.roles import MATRIX, SHIFT, Role


class Linear(nn.Linear):
    """y = x·Wᵀ (+ b), where W may stack several matrices that share their input.

    A subclass may make W of something else; it then declares the roles of what it is made of, and `plain` says what W
    is.

    Args:
        input_width: width of x.
        blocks: rows of each stacked matrix; `(width,)` for a plain layer, `(queries, keys, values)` for a fused one.
            Optimizers that treat a matrix as a whole (Muon) take each block for itself.
        bias: add b.
        role: of W.
    """

    def __init__(self, input_width: int, blocks: tuple[int, ...], bias: bool, role: Role = MATRIX):
        super().__init__(input_width, sum(blocks), bias=bias)
        self.blocks = blocks
        self.roles = {"weight": role.stacking(blocks)}
        if bias:
            self.roles["bias"] = SHIFT.stacking(blocks)

    def forward(self, input: Tensor) -> Tensor:
        return kernels.linear(input, self.weight, self.bias)

    def plain(self) -> dict[str, Tensor]:
        """W and b, by the names that they have in a layer of nothing else."""
        return dict(self.named_parameters())

    def reset_parameters(self) -> None:
        """Leave the memory as it is: first values come from `langue.models.initialize` or from a file."""


Factory = Callable[[int, tuple[int, ...], bool, Role], Linear]
_factory: ContextVar[Factory] = ContextVar("linear layers", default=Linear)


def make_linear(input_width: int, blocks: tuple[int, ...], bias: bool, role: Role = MATRIX) -> Linear:
    """A linear layer, see `Linear`."""
    return _factory.get()(input_width, blocks, bias, role)


@contextmanager
def linear_factory(factory: Factory) -> Iterator[None]:
    """Let all linear layers that are made inside come from another factory."""
    token = _factory.set(factory)
    try:
        yield
    finally:
        _factory.reset(token)


def plain_parameters(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that a model would have whose linear layers are made of nothing but W and b."""
    parameters: dict[str, Tensor] = dict(model.named_parameters())
    for place, layer in model.named_modules():
        if isinstance(layer, Linear) and type(layer) is not Linear:
            for name, _ in layer.named_parameters():
                del parameters[f"{place}.{name}"]
            parameters |= {f"{place}.{name}": value.detach() for name, value in layer.plain().items()}
    return parameters
